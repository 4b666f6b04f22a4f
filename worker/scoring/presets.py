"""What the presets are made of: a ranking for a model and a vocabulary, and what identifies it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from worker import vocabulary
from worker.scoring import calibration, ranking, whitening, word_vectors
from worker.scoring import prior as priors
from worker.scoring.calibration import Calibration
from worker.scoring.ranking import Ranking
from worker.vocabulary import english
from worker.vocabulary.keywords import Keyword, Vocabulary
from worker.vocabulary.prompts import Prompts

#: Words more alike than this say the same thing (cosine of centred vectors).
MAX_LIKENESS = 0.8
#: Confidence of the default preset: sigmoid(slope * score + intercept), fitted on photos with
#: captions; see `docs/keywording.md`.
SIGMOID = (1.45, -12.9)
#: English vocabularies are measured against the commonest words of the pack `visual`, so that a
#: word's confidence is the same in a vocabulary of ten words and in one of ten thousand.
REFERENCE_WORDS = 2000


class Model(word_vectors.TextEncoder, Protocol):
    """What of a model is needed here; `worker.models.clip.ClipModel` is one."""

    logit_scale: float
    logit_bias: float | None
    folder: Path | None


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset made for one model and vocabulary."""

    #: (n_words, dim) float32, L2-normalised.
    vectors: NDArray[np.float32]
    ranking: Ranking
    #: JSON: all that the ranking depends on beside model, vocabulary and prompts.
    identity: dict[str, Any]
    max_likeness: float | None = None


def build(
    name: str,
    model: Model,
    words: Vocabulary,
    prompts: Prompts,
    *,
    cache_dir: Path | None,
    progress: Callable[[int, int], None] | None = None,
) -> Preset:
    """Make the preset of that name for a vocabulary.

    A model that brings its own calibration is ranked by that, unless the preset is `paper`.
    Raises ModelError for a calibration that cannot be read.
    """

    def encode(keywords: tuple[Keyword, ...]) -> NDArray[np.float32]:
        return word_vectors.encode_keywords(
            model, keywords, prompts, cache_dir=cache_dir, progress=progress
        )

    own = calibration.find(model.folder)
    if name == "paper":
        vectors = encode(words.keywords)
        return Preset(vectors, ranking.paper(*vectors.shape), {"kind": "paper"})
    if own is not None:
        return _calibrated(own, model, words, encode(words.keywords))
    others = _reference(words)
    vectors = encode((*words.keywords, *others))
    prior = priors.build(words) - _bars(words) / SIGMOID[0]
    return from_vectors(vectors[: len(words)], vectors[len(words) :] if others else vectors, prior)


def from_vectors(
    vectors: NDArray[np.float32], reference: NDArray[np.float32], prior: NDArray[np.float64]
) -> Preset:
    """Make the default preset of (n_words, dim) vectors measured against (n_reference, dim).

    `prior` is (n_words,), see `worker.scoring.prior`.
    """
    identity = {
        "kind": "whitened",
        "shrinkage": whitening.SHRINKAGE,
        "rank": whitening.RANK,
        "prior": [priors.WEIGHT, english.PHRASE_ZIPF, *priors.ZIPF_RANGE],
        "sigmoid": SIGMOID,
        "likeness": MAX_LIKENESS,
        "reference": len(reference),
    }
    made = whitening.build(vectors, reference, prior, sigmoid=SIGMOID)
    return Preset(vectors, made, identity, max_likeness=MAX_LIKENESS)


def _bars(words: Vocabulary) -> NDArray[np.float64]:
    """Return what is taken off the log-odds of each word, (n,)."""
    return np.array([keyword.bar for keyword in words], np.float64)


def _reference(words: Vocabulary) -> tuple[Keyword, ...]:
    """Return the words to measure against; none where a vocabulary must do for itself."""
    if words.language.partition("-")[0] != "en":
        return ()
    return vocabulary.load("visual").keywords[:REFERENCE_WORDS]


def _calibrated(
    own: Calibration, model: Model, words: Vocabulary, vectors: NDArray[np.float32]
) -> Preset:
    slopes, intercepts = own.terms(words.words)
    made = ranking.affine(
        slopes * model.logit_scale,
        slopes * (model.logit_bias or 0.0) + intercepts - _bars(words),
        vectors.shape[1],
    )
    # no likeness: a small text tower puts words that it hardly knows in one place
    return Preset(vectors, made, {"kind": "calibrated", "calibration": own.digest})
