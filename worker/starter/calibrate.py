"""Owns the confidence: from a logit to how often such a keyword is right, word by word.

Fitted on photos of the training collections that the student never saw (split ``holdout``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

#: How firmly a word's own intercept is held to that of words with as many labels; chosen by
#: cross-validation on 1,005 photos (loss 8.58 at 1, 8.49 at 4 and 16, 8.55 at 1,000).
INTERCEPT_STIFFNESS = 16.0
_ITERATIONS = 60

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Calibration:
    """confidence = sigmoid(slope x logit + intercept), (n_words,) float32 each."""

    slope: Floats
    intercept: Floats

    def get_confidence(self, logits: Floats) -> Floats:
        """Return the confidences of logits (n_photos, n_words), in [0, 1]."""
        confidence: Floats = 1.0 / (1.0 + np.exp(-(logits * self.slope + self.intercept)))
        return confidence

    def to_json(self, words: Sequence[str]) -> dict[str, Any]:
        """Return it as ``worker.calibration`` reads it; unknown words get the least of all."""
        each = {
            word: {"slope": round(float(slope), 4), "intercept": round(float(intercept), 4)}
            for word, slope, intercept in zip(words, self.slope, self.intercept, strict=True)
        }
        least = {
            "slope": round(float(self.slope.min()), 4),
            "intercept": round(float(self.intercept.min()), 4),
        }
        return {"version": 1, "kind": "sigmoid", **least, "words": each}


def fit(
    logits: Floats, labels: Floats, n_labelled: Floats, sources: NDArray[np.str_]
) -> Calibration:
    """Fit slope and intercepts to (n_photos, n_words) logits and labels.

    A word's intercept is a line in the logarithm of its number of training labels, ``n_labelled``
    (n_words,), plus a part of its own that is held small: most words have few photos here.
    Each of the ``sources`` (n_photos,) counts alike, or the large collections of few things
    would speak for everybody's photos.
    """
    known = torch.from_numpy(np.log1p(n_labelled))
    slope, offset, line = (torch.tensor(start, requires_grad=True) for start in (1.0, 0.0, 0.0))
    own = torch.zeros(logits.shape[1], requires_grad=True)
    given, wanted = torch.from_numpy(logits), torch.from_numpy(labels)
    weights = torch.from_numpy(_get_weights(sources))
    optimiser = torch.optim.LBFGS(
        [slope, offset, line, own], max_iter=_ITERATIONS, line_search_fn="strong_wolfe"
    )

    def get_loss() -> Tensor:
        optimiser.zero_grad()
        fitted = given * slope + (offset + line * known + own)
        loss = functional.binary_cross_entropy_with_logits(fitted, wanted, reduction="none")
        loss = (loss.sum(1) * weights).sum() + INTERCEPT_STIFFNESS * own.square().sum() / 2
        torch.autograd.backward(loss)
        return loss.detach()

    optimiser.step(get_loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        intercept = offset + line * known + own
        return Calibration(slope.expand(len(own)).numpy().copy(), intercept.numpy())


def _get_weights(sources: NDArray[np.str_]) -> Floats:
    """Return a weight for each photo, 1 on average and equal in sum for each source."""
    _, place, counts = np.unique(sources, return_inverse=True, return_counts=True)
    weights: Floats = (len(sources) / (len(counts) * counts[place])).astype(np.float32)
    return weights
