"""From the best few dozen words of a photo to its keywords: exact scores, and no repetitions."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from catalog import spelling
from worker.scoring.ranking import Ranking, View
from worker.vocabulary.keywords import Vocabulary

#: Photos rated at once: their candidates' vectors take about 10 MB.
_PHOTOS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Rated:
    """Candidates of n photos, the best first."""

    #: (n, count) int64
    words: NDArray[np.int64]
    #: (n, count) float64
    cosine: NDArray[np.float64]
    score: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """How keywords are chosen among candidates."""

    top_k: int
    #: A word is dropped that is more like a better one than this (cosine of centred vectors).
    max_likeness: float | None = None
    #: (n_words, depth) int64: the broader words of each, -1 where there are no more.
    broader: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, vocabulary: Vocabulary, top_k: int, *, max_likeness: float | None) -> "Choice":
        """Choose from a vocabulary without broader words after their narrower ones."""
        return cls(top_k, max_likeness, _broader(vocabulary))

    @property
    def drops_words(self) -> bool:
        """Tell whether words are dropped for what better ones say."""
        return self.max_likeness is not None or self.broader is not None


def rate(
    ranking: Ranking,
    vectors: NDArray[np.float32],
    candidates: NDArray[np.int64],
    view: View,
) -> Rated:
    """Score (n, count) candidates exactly and sort them.

    The large product's last digits depend on how it was cut; these do not. Ties go to the word
    that comes first in the vocabulary.
    """
    cosine = np.empty(candidates.shape)
    for start in range(0, len(candidates), _PHOTOS_AT_ONCE):
        rows = slice(start, start + _PHOTOS_AT_ONCE)
        gathered = vectors[candidates[rows]].astype(np.float64)
        cosine[rows] = np.matmul(gathered, view.images[rows, :, None])[..., 0]
    score = ranking.score(candidates, cosine, view)
    order = np.lexsort((candidates, -score.astype(np.float32)), axis=1)
    return Rated(
        np.take_along_axis(candidates, order, 1),
        np.take_along_axis(cosine, order, 1),
        np.take_along_axis(score, order, 1),
    )


def choose(
    choice: Choice, ranking: Ranking, vectors: NDArray[np.float32], rated: Rated
) -> list[NDArray[np.intp]]:
    """Return for each photo the places of its keywords among its candidates, the best first."""
    kept = np.ones(rated.words.shape, bool)
    for start in range(0, len(kept) if choice.drops_words else 0, _PHOTOS_AT_ONCE):
        rows = slice(start, start + _PHOTOS_AT_ONCE)
        kept[rows] = _without_repeats(_repeats(choice, ranking, vectors, rated.words[rows]))
    return [np.flatnonzero(row)[: choice.top_k] for row in kept]


def _repeats(
    choice: Choice, ranking: Ranking, vectors: NDArray[np.float32], candidates: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell by photo, candidate, candidate where the second says nothing that the first has not."""
    shape = (*candidates.shape, candidates.shape[1])
    repeats: NDArray[np.bool_] = np.zeros(shape, np.bool_)
    if choice.max_likeness is not None:
        repeats |= _likeness(ranking, vectors, candidates) > choice.max_likeness
    if choice.broader is not None:
        repeats |= _implied(choice.broader, candidates)
    return repeats


def _without_repeats(repeats: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep (n, count) candidates that repeat no better one that is kept.

    `repeats[photo, a, b]`: b says nothing that a has not said.
    """
    kept: NDArray[np.bool_] = np.ones(repeats.shape[:2], bool)
    for place in range(repeats.shape[1] - 1):
        later = kept[:, place + 1 :]
        later &= ~(kept[:, place, None] & repeats[:, place, place + 1 :])
    return kept


def _likeness(
    ranking: Ranking, vectors: NDArray[np.float32], candidates: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return (n, count, count) cosines of the candidates with one another."""
    gathered = vectors[candidates]
    if ranking.centre is not None:
        gathered = gathered - ranking.centre
    units = torch.nn.functional.normalize(torch.from_numpy(gathered), dim=2)
    likeness: NDArray[np.float32] = torch.bmm(units, units.transpose(1, 2)).numpy()
    return likeness


def _implied(broader: NDArray[np.int64], candidates: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which candidates are broader words of which: a beagle's "dog" needs no saying."""
    of_each = broader[candidates]
    implied = np.zeros((*candidates.shape, candidates.shape[1]), bool)
    for depth in range(of_each.shape[2]):
        implied |= of_each[:, :, depth, None] == candidates[:, None, :]
    return implied


def _broader(vocabulary: Vocabulary) -> NDArray[np.int64] | None:
    """Return (n_words, depth) places of each keyword's parents in the vocabulary."""
    places = {spelling.fold(keyword.word): place for place, keyword in enumerate(vocabulary)}
    rows = [
        [places[form] for form in map(spelling.fold, keyword.parents) if form in places]
        for keyword in vocabulary
    ]
    depth = max(map(len, rows), default=0)
    if not depth:
        return None
    return np.array([row + [-1] * (depth - len(row)) for row in rows], np.int64)
