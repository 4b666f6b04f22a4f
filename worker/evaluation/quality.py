"""Measures keywords for `contest`: precision, recall, mean average precision, coverage.

A keyword is right if it, or a broader word of it, is one of the photo's labels; both sides are
first mapped to the vocabulary's canonical word (aliases) or else to their dictionary form
(simplemma): "dogs" is "dog", and a beagle counts as the dog that was asked for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from catalog import spelling
from worker.vocabulary import english
from worker.vocabulary.keywords import Vocabulary

#: Ranks at which precision and recall are measured.
RANKS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over photos, each in [0, 1]."""

    photos: int
    #: By rank k: the share of the first k keywords that are right (fewer than k count as k).
    precision: dict[int, float]
    #: By rank k: the share of the labels that are among the first k.
    recall: dict[int, float]
    #: Average precision over the labels: what is never found counts as 0.
    mean_average_precision: float
    #: The share of all labels that the vocabulary has a word for.
    coverage: float


class Matcher:
    """Compares keywords with labels by the aliases and parents of one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def form(self, word: str) -> str:
        """Return the form by which a word is compared."""
        lemma = english.lemma(word.lower(), self._vocabulary.language)
        known = self._vocabulary.find(word) or self._vocabulary.find(lemma)
        return spelling.fold(known.word if known is not None else lemma)

    def meant(self, keyword: str) -> set[str]:
        """Return the forms of a keyword and of its broader words."""
        known = self._vocabulary.find(keyword)
        broader = known.parents if known is not None else ()
        return {self.form(word) for word in (keyword, *broader)}

    def is_covered(self, label: str) -> bool:
        """Return whether the vocabulary has a word for a label."""
        return self._vocabulary.find(self.form(label)) is not None


def evaluate(
    ranked: Sequence[Sequence[str]], labels: Sequence[Iterable[str]], matcher: Matcher
) -> Quality:
    """Return the quality of each photo's keywords (best first), compared with its labels."""
    precision: dict[int, list[float]] = {rank: [] for rank in RANKS}
    recall: dict[int, list[float]] = {rank: [] for rank in RANKS}
    averages: list[float] = []
    covered: list[bool] = []
    for keywords, given in zip(ranked, labels, strict=True):
        wanted = {matcher.form(label) for label in given}
        covered += [matcher.is_covered(label) for label in wanted]
        right, first = _judge(keywords, wanted, matcher)
        for rank in RANKS:
            precision[rank].append(sum(right[:rank]) / rank)
            recall[rank].append(sum(place < rank for place in first) / len(wanted))
        averages.append(_average_precision(right, first, len(wanted)))
    return Quality(
        photos=len(averages),
        precision={rank: float(np.mean(values)) for rank, values in precision.items()},
        recall={rank: float(np.mean(values)) for rank, values in recall.items()},
        mean_average_precision=float(np.mean(averages)),
        coverage=float(np.mean(covered)),
    )


def _judge(
    keywords: Sequence[str], wanted: set[str], matcher: Matcher
) -> tuple[list[bool], list[int]]:
    """Return which keywords are right, and the places at which labels are first found."""
    right: list[bool] = []
    first: list[int] = []
    left = set(wanted)
    for place, keyword in enumerate(keywords):
        meant = matcher.meant(keyword)
        right.append(bool(meant & wanted))
        first += [place] * len(meant & left)
        left -= meant
    return right, first


def _average_precision(right: Sequence[bool], first: Sequence[int], labels: int) -> float:
    """Return the mean over labels of the precision at the place where each is first found."""
    hits = np.cumsum(right)
    return float(sum(hits[place] / (place + 1) for place in first) / labels)
