"""Turns the candidates of a photo into its keywords: exact scores, and no repetitions.

`scorer` calls `rank_exactly` and then `select` for the few dozen candidates of each photo.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from catalog import spelling
from worker.scoring.ranking import ProjectedImages, Ranking
from worker.vocabulary.keywords import Vocabulary

#: Photos scored at once: their candidates' vectors take about 10 MB.
_PHOTOS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class RankedCandidates:
    """Candidates of n photos with exact scores, the best first."""

    #: (n, count) int64
    words: NDArray[np.int64]
    #: (n, count) float64
    cosine: NDArray[np.float64]
    score: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rule:
    """How keywords are selected among candidates."""

    #: Keywords per photo.
    top_k: int
    #: A word is dropped if its cosine with a better one, of centred vectors, exceeds this.
    max_likeness: float | None = None
    #: (n_words, depth) int64: the broader words of each, -1 where there are no more.
    broader: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, vocabulary: Vocabulary, top_k: int, *, max_likeness: float | None) -> "Rule":
        """Return the rule that also drops a word after a narrower one of the vocabulary."""
        return cls(top_k, max_likeness, _broader(vocabulary))

    @property
    def drops_words(self) -> bool:
        """Return whether words that repeat a better one are dropped."""
        return self.max_likeness is not None or self.broader is not None


def rank_exactly(
    ranking: Ranking,
    vectors: NDArray[np.float32],
    candidates: NDArray[np.int64],
    images: ProjectedImages,
) -> RankedCandidates:
    """Score (n, count) candidates exactly and sort them, the best first.

    The last digits of the large product in `candidates` depend on how it was chunked; these scores
    do not. Ties go to the word that comes first in the vocabulary.
    """
    cosine = np.empty(candidates.shape)
    for start in range(0, len(candidates), _PHOTOS_AT_ONCE):
        rows = slice(start, start + _PHOTOS_AT_ONCE)
        gathered = vectors[candidates[rows]].astype(np.float64)
        cosine[rows] = np.matmul(gathered, images.vectors[rows, :, None])[..., 0]
    score = ranking.score(candidates, cosine, images)
    order = np.lexsort((candidates, -score.astype(np.float32)), axis=1)
    return RankedCandidates(
        np.take_along_axis(candidates, order, 1),
        np.take_along_axis(cosine, order, 1),
        np.take_along_axis(score, order, 1),
    )


def select(
    rule: Rule, ranking: Ranking, vectors: NDArray[np.float32], ranked: RankedCandidates
) -> list[NDArray[np.intp]]:
    """Return the positions of each photo's keywords among its candidates, the best first."""
    kept = np.ones(ranked.words.shape, bool)
    for start in range(0, len(kept) if rule.drops_words else 0, _PHOTOS_AT_ONCE):
        rows = slice(start, start + _PHOTOS_AT_ONCE)
        kept[rows] = _without_repeats(_repeats(rule, ranking, vectors, ranked.words[rows]))
    return [np.flatnonzero(row)[: rule.top_k] for row in kept]


def _repeats(
    rule: Rule, ranking: Ranking, vectors: NDArray[np.float32], candidates: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return (n, count, count) bool: [p, a, b] where candidate b repeats candidate a."""
    shape = (*candidates.shape, candidates.shape[1])
    repeats: NDArray[np.bool_] = np.zeros(shape, np.bool_)
    if rule.max_likeness is not None:
        repeats |= _likeness(ranking, vectors, candidates) > rule.max_likeness
    if rule.broader is not None:
        repeats |= _implied(rule.broader, candidates)
    return repeats


def _without_repeats(repeats: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (n, count) bool: the candidates that repeat no better one that is kept.

    Args:
        repeats: (n, count, count), as `_repeats` returns it.
    """
    kept: NDArray[np.bool_] = np.ones(repeats.shape[:2], bool)
    for place in range(repeats.shape[1] - 1):
        later = kept[:, place + 1 :]
        later &= ~(kept[:, place, None] & repeats[:, place, place + 1 :])
    return kept


def _likeness(
    ranking: Ranking, vectors: NDArray[np.float32], candidates: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the cosines of the candidates with each other, (n, count, count)."""
    gathered = vectors[candidates]
    if ranking.centre is not None:
        gathered = gathered - ranking.centre
    units = torch.nn.functional.normalize(torch.from_numpy(gathered), dim=2)
    likeness: NDArray[np.float32] = torch.bmm(units, units.transpose(1, 2)).numpy()
    return likeness


def _implied(broader: NDArray[np.int64], candidates: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return [p, a, b] bool where b is a broader word of a: "dog" adds nothing to "beagle"."""
    of_each = broader[candidates]
    implied = np.zeros((*candidates.shape, candidates.shape[1]), bool)
    for depth in range(of_each.shape[2]):
        implied |= of_each[:, :, depth, None] == candidates[:, None, :]
    return implied


def _broader(vocabulary: Vocabulary) -> NDArray[np.int64] | None:
    """Return the places of each keyword's parents in the vocabulary, (n_words, depth)."""
    places = {spelling.fold(keyword.word): place for place, keyword in enumerate(vocabulary)}
    rows = [
        [places[form] for form in map(spelling.fold, keyword.parents) if form in places]
        for keyword in vocabulary
    ]
    depth = max(map(len, rows), default=0)
    if not depth:
        return None
    return np.array([row + [-1] * (depth - len(row)) for row in rows], np.int64)
