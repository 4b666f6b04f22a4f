"""What the presets are made of: a ranking for a model and a vocabulary, and what identifies it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from worker import calibration, priors, ranking, whitening
from worker.calibration import Calibration
from worker.keywords import Vocabulary
from worker.ranking import Ranking

#: Words more alike than this say the same thing (cosine of centred vectors).
MAX_LIKENESS = 0.8
#: Confidence of the default preset, fitted on photos with captions; see `docs/keywording.md`.
SIGMOID = (1.0, -8.0)


class Model(Protocol):
    """What of a model is needed here."""

    logit_scale: float
    logit_bias: float | None
    folder: Path | None


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset made for one model and vocabulary."""

    ranking: Ranking
    #: JSON: all that the ranking depends on beside model, vocabulary and prompts.
    identity: dict[str, Any]
    max_likeness: float | None = None


def build(name: str, model: Model, vocabulary: Vocabulary, vectors: NDArray[np.float32]) -> Preset:
    """Make the preset of that name for (n_words, dim) vectors of the vocabulary's words.

    A model that brings its own calibration is ranked by that, unless the preset is `paper`.
    """
    if name == "paper":
        return Preset(ranking.paper(*vectors.shape), {"kind": "paper"})
    own = calibration.find(model.folder)
    if own is not None:
        return _calibrated(own, model, vocabulary, vectors)
    prior = priors.WEIGHT * priors.zipf(vocabulary.words, vocabulary.language)
    return Preset(
        whitening.build(vectors, vectors, prior, sigmoid=SIGMOID),
        {"kind": "whitened", "shrinkage": whitening.SHRINKAGE, "rank": whitening.RANK}
        | {"prior": priors.WEIGHT, "zipf": priors.ZIPF_RANGE, "sigmoid": SIGMOID}
        | {"likeness": MAX_LIKENESS},
        max_likeness=MAX_LIKENESS,
    )


def _calibrated(
    own: Calibration, model: Model, vocabulary: Vocabulary, vectors: NDArray[np.float32]
) -> Preset:
    slopes, intercepts = own.terms(vocabulary.words)
    return Preset(
        ranking.affine(
            slopes * model.logit_scale,
            slopes * (model.logit_bias or 0.0) + intercepts,
            vectors.shape[1],
            centre=vectors.mean(axis=0),
        ),
        {"kind": "calibrated", "calibration": own.digest, "likeness": MAX_LIKENESS},
        max_likeness=MAX_LIKENESS,
    )
