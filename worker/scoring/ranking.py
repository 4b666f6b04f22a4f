"""Ways to rank words for a photo, all of one form, so that `candidates` needs only one product.

`presets` makes a ranking; `candidates` and `selection` score with it. The score of word j for photo
i is

    score_ij = (gain_j * cosine_ij + projection_i . loading_j) / spread_i + offset_j

with projection_i = image_i @ basis. The paper's ranking has gain 1 and no other terms. A calibrated
model has a gain and an offset per word. Centring and shrinkage whitening add a correction of low
rank to the cosine (see `whitening`), so that the cosines, which the softmax share also needs, are
computed once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The terms of the score formula for n words whose vectors have length dim."""

    #: (n,)
    gain: Floats
    #: (n,)
    offset: Floats
    #: (dim, rank) and (n, rank); rank may be 0.
    basis: Floats
    loading: Floats
    #: (dim, dim): spread_i = sqrt(image_i @ spread @ image_i); None: 1 for every photo.
    spread: Floats | None = None
    #: (dim,): subtracted from word vectors before words are compared with each other.
    centre: Floats | None = None
    #: (slope, intercept) of confidence = sigmoid(slope * score + intercept). None: the paper has no
    #: confidence; it is then 0.5 + 0.5 * softmax share.
    sigmoid: tuple[float, float] | None = None

    def project(self, images: Floats) -> "ProjectedImages":
        """Return the terms of (n_photos, dim) L2-normalised images that all words share."""
        exact = images.astype(np.float64)
        return ProjectedImages(exact, exact @ self.basis.astype(np.float64), self._spreads(exact))

    def score(
        self, words: NDArray[np.int64], cosine: Doubles, images: "ProjectedImages"
    ) -> Doubles:
        """Return the scores, (n_photos, count), of words whose cosines are known."""
        loading = self.loading[words].astype(np.float64)
        correction = np.matmul(loading, images.projection[:, :, None])[..., 0]
        scaled = (self.gain[words] * cosine + correction) / images.spread[:, None]
        scores: Doubles = scaled + self.offset[words]
        return scores

    def _spreads(self, images: Doubles) -> Doubles:
        if self.spread is None:
            return np.ones(len(images))
        variance = ((images @ self.spread.astype(np.float64)) * images).sum(axis=1)
        spreads: Doubles = np.sqrt(np.maximum(variance, 1e-12))
        return spreads


@dataclass(frozen=True, slots=True)
class ProjectedImages:
    """Image vectors with what a ranking computes from each once, for all words."""

    #: (n_photos, dim): the vectors themselves.
    vectors: Doubles
    #: (n_photos, rank): vectors @ basis.
    projection: Doubles
    #: (n_photos,)
    spread: Doubles


def paper(n_words: int, dim: int) -> Ranking:
    """Return the paper's ranking: by the cosine alone, without a calibrated confidence."""
    return affine(np.ones(n_words), np.zeros(n_words), dim, sigmoid=None)


def affine(
    gain: NDArray[np.floating],
    offset: NDArray[np.floating],
    dim: int,
    *,
    sigmoid: tuple[float, float] | None = (1.0, 0.0),
) -> Ranking:
    """Return the ranking by gain * cosine + offset, both (n_words,).

    With the default `sigmoid` the score is the logit of the confidence.
    """
    return Ranking(
        gain=gain.astype(np.float32),
        offset=offset.astype(np.float32),
        basis=np.zeros((dim, 0), np.float32),
        loading=np.zeros((len(gain), 0), np.float32),
        sigmoid=sigmoid,
    )
