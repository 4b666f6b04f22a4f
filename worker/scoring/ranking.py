"""Ways to rank words for a photo, all of one form, so that one chunked product serves them.

The score of word j for photo i is

    score_ij = (gain_j * cosine_ij + projection_i . loading_j) / spread_i + offset_j

with projection_i = image_i @ basis. The paper's is gain 1 and nothing else. A calibrated model has
a gain and an offset per word. Centring and shrinkage whitening are a correction of low rank to the
cosine (`whitening`), so that the cosines, which the paper's share needs, are computed once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """What makes scores out of cosines, for n words of length dim."""

    #: (n,)
    gain: Floats
    #: (n,)
    offset: Floats
    #: (dim, rank) and (n, rank); rank may be 0.
    basis: Floats
    loading: Floats
    #: (dim, dim): spread_i = sqrt(image_i @ spread @ image_i); None: 1 for every photo.
    spread: Floats | None = None
    #: (dim,): subtracted from the words before they are compared with one another.
    centre: Floats | None = None
    #: Confidence is sigmoid(slope * score + intercept); None: the paper knows none, and half of it
    #: follows the share.
    sigmoid: tuple[float, float] | None = None

    def look(self, images: Floats) -> "View":
        """Return what of (n_photos, dim) L2-normalised images all words have in common."""
        exact = images.astype(np.float64)
        return View(exact, exact @ self.basis.astype(np.float64), self._spreads(exact))

    def score(self, words: NDArray[np.int64], cosine: Doubles, view: "View") -> Doubles:
        """Return the scores, (n_photos, count), of words with known cosines; see the module."""
        loading = self.loading[words].astype(np.float64)
        raised = np.matmul(loading, view.projection[:, :, None])[..., 0]
        scaled = (self.gain[words] * cosine + raised) / view.spread[:, None]
        scores: Doubles = scaled + self.offset[words]
        return scores

    def _spreads(self, images: Doubles) -> Doubles:
        if self.spread is None:
            return np.ones(len(images))
        variance = ((images @ self.spread.astype(np.float64)) * images).sum(axis=1)
        spreads: Doubles = np.sqrt(np.maximum(variance, 1e-12))
        return spreads


@dataclass(frozen=True, slots=True)
class View:
    """Photos as a ranking sees them."""

    #: (n_photos, dim), (n_photos, rank), (n_photos,)
    images: Doubles
    projection: Doubles
    spread: Doubles


def paper(n_words: int, dim: int) -> Ranking:
    """Rank by the cosine alone; nothing is calibrated."""
    return affine(np.ones(n_words), np.zeros(n_words), dim, sigmoid=None)


def affine(
    gain: NDArray[np.floating],
    offset: NDArray[np.floating],
    dim: int,
    *,
    sigmoid: tuple[float, float] | None = (1.0, 0.0),
) -> Ranking:
    """Rank by gain * cosine + offset, both (n_words,), a logit unless `sigmoid` says otherwise."""
    return Ranking(
        gain=gain.astype(np.float32),
        offset=offset.astype(np.float32),
        basis=np.zeros((dim, 0), np.float32),
        loading=np.zeros((len(gain), 0), np.float32),
        sigmoid=sigmoid,
    )
