"""Fits the confidence, word by word, and chooses the concepts that are offered.

Fitted on photos of the training sources that the head never saw (split `holdout`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from worker.training import figures

Floats = NDArray[np.float32]

#: How firmly a word's own intercept is held to that of words with as many labels.
INTERCEPT_STIFFNESS = 8.0
_ITERATIONS = 60
#: ImageNet calls ordinary cats by these names, and Egyptian ones by chance.
NEVER_OFFERED = frozenset({"egyptian cat", "tiger cat"})

#: A concept with fewer labelled training photos is known by the backbone's classes alone.
MIN_LABELLED = 5
#: Least precision of a concept's confident keywords, and how many photos' worth of evidence the
#: precision of all concepts is to it. The confidence already makes doubtful words seldom sure.
MIN_PRECISION, PRIOR_PHOTOS = 0.5, 3.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """confidence = sigmoid(slope x logit + intercept), (n_words,) float32 each."""

    slope: Floats
    intercept: Floats

    def get_confidence(self, logits: Floats) -> Floats:
        """Return the confidences of logits (n_photos, n_words), in [0, 1]."""
        confidence: Floats = 1.0 / (1.0 + np.exp(-(logits * self.slope + self.intercept)))
        return confidence

    def with_bias(self, bias: Floats) -> "Calibration":
        """Return it for logits without the concepts' own biases (n_words,)."""
        return Calibration(self.slope, self.intercept + self.slope * bias)

    def to_json(self, words: Sequence[str]) -> dict[str, Any]:
        """Return what `worker.scoring.calibration` reads; unknown words get the least of all."""
        each = {
            word: {"slope": round(float(slope), 4), "intercept": round(float(intercept), 4)}
            for word, slope, intercept in zip(words, self.slope, self.intercept, strict=True)
        }
        least = {
            "slope": round(float(self.slope.min()), 4),
            "intercept": round(float(self.intercept.min()), 4),
        }
        return {"version": 1, "kind": "sigmoid", **least, "words": each}


def fit(logits: Floats, labels: Floats) -> Calibration:
    """Fit slope and intercepts to (n_photos, n_words) logits and labels.

    All words share a slope and an intercept; a word's own part of the intercept is held small,
    since most words have few photos here.
    """
    slope, offset = (torch.tensor(start, requires_grad=True) for start in (1.0, 0.0))
    own = torch.zeros(logits.shape[1], requires_grad=True)
    given, wanted = torch.from_numpy(logits), torch.from_numpy(labels)
    optimiser = torch.optim.LBFGS(
        [slope, offset, own], max_iter=_ITERATIONS, line_search_fn="strong_wolfe"
    )

    def get_loss() -> Tensor:
        optimiser.zero_grad()
        fitted = given * slope + (offset + own)
        loss = functional.binary_cross_entropy_with_logits(fitted, wanted, reduction="sum")
        loss = loss + INTERCEPT_STIFFNESS * own.square().sum() / 2
        torch.autograd.backward(loss)
        return loss.detach()

    optimiser.step(get_loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        intercept = offset + own
        return Calibration(slope.expand(len(own)).numpy().copy(), intercept.numpy())


def choose_offered(
    confidence: Floats, labels: Floats, n_labelled: Floats, has_class: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which of the concepts (n_words,) are offered.

    Args:
        confidence: (n_photos, n_words) of photos that the head never saw.
        labels: of the same photos and shape.
        n_labelled: (n_words,) training labels of each.
        has_class: (n_words,) whether a class of the backbone is an instance of it.
    """
    sure = confidence >= figures.SURE
    n_sure, n_right = sure.sum(0), (sure * labels).sum(0)
    learnt = (n_labelled >= MIN_LABELLED) | has_class
    usual = n_right[learnt].sum() / max(1.0, n_sure[learnt].sum())
    precision = (n_right + PRIOR_PHOTOS * usual) / (n_sure + PRIOR_PHOTOS)
    offered: NDArray[np.bool_] = learnt & (precision >= min(MIN_PRECISION, usual))
    return offered
