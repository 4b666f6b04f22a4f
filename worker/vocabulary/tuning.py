"""What a person's decisions say of words: often rejected ones should need to be surer.

A proposal is only that; a person writes it into a vocabulary and re-scores with it.
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
    """A word, what was decided about it, and the bar that follows (see `Keyword.bar`)."""

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
    """Return the words rejected so often, and oftener than confirmed; the highest bar first.

    `decisions` are those of `catalog.tags.decisions.count_by_word`. The bar is the log of
    rejections to confirmations, with one of each added: ten to none is 2.4, three to two 0.3.
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
    """Return the vocabulary with the proposed bars; a higher one that is there stays."""
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
