"""Proposes higher bars for words that people often rejected; `kadr vocabulary tune` shows them.

Nothing changes until a person writes the proposals into a vocabulary and scores with it again.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from catalog.db.tables import Decision
from worker.vocabulary import file
from worker.vocabulary.keywords import Vocabulary


@dataclass(frozen=True, slots=True)
class Proposal:
    """A word, the decisions about it, and the bar that they suggest (see `Keyword.bar`)."""

    word: str
    rejected: int
    confirmed: int
    bar: float

    def as_json(self) -> dict[str, Any]:
        """Return the proposal for `json.dumps`."""
        return asdict(self)


def propose(
    decisions: Mapping[str, Mapping[Decision | None, int]], *, min_rejections: int = 3
) -> list[Proposal]:
    """Return proposals for words that were often rejected, the highest bar first.

    The bar is log((rejected + 1) / (confirmed + 1)): 2.4 for 10 to 0, 0.3 for 3 to 2.

    Args:
        decisions: By word, as `catalog.tags.decisions.count_by_word` returns them.
        min_rejections: Words that were rejected less often, or not more often than confirmed, get
            no proposal.
    """
    found = []
    for word, decided in decisions.items():
        rejected = decided.get(Decision.REJECTED, 0)
        confirmed = decided.get(Decision.CONFIRMED, 0)
        if rejected >= min_rejections and rejected > confirmed:
            bar = round(math.log((rejected + 1) / (confirmed + 1)), 1)
            found.append(Proposal(word, rejected, confirmed, max(bar, 0.1)))
    return sorted(found, key=lambda each: (-each.bar, each.word))


def apply(vocabulary: Vocabulary, proposals: Sequence[Proposal]) -> Vocabulary:
    """Return the vocabulary with the proposed bars, except where its own bar is higher."""
    bars = {
        known.word: min(each.bar, file.MAX_BAR)
        for each in proposals
        if (known := vocabulary.find(each.word)) is not None
    }
    keywords = tuple(
        replace(keyword, bar=max(keyword.bar, bars.get(keyword.word, 0.0)))
        for keyword in vocabulary
    )
    return replace(vocabulary, keywords=keywords)
