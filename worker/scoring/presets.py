"""The presets, which are ways of scoring: each with its prompts, ranking, selection and number.

`scorer` builds what scores photos from a preset; `worker.evaluation` also asks for its prompts and
its number. Everywhere else a preset is only a name.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from catalog.errors import SettingsError
from catalog.tags.results import ScoredTag
from worker import vocabulary
from worker.reporting import Progress
from worker.scoring import calibration, ranking, whitening, word_vectors
from worker.scoring import prior as priors
from worker.scoring.calibration import Calibration
from worker.scoring.ranking import Ranking
from worker.scoring.selection import Rule
from worker.scoring.word_vectors import TextModel
from worker.vocabulary import english, prompts
from worker.vocabulary.keywords import Keyword, Vocabulary
from worker.vocabulary.prompts import Prompts

#: Words whose cosine exceeds this (of centred vectors) mean the same thing.
MAX_LIKENESS = 0.8
#: Confidence of the default preset: sigmoid(slope * score + intercept), fitted on photos with
#: captions; see `docs/keywording.md`.
SIGMOID = (1.45, -12.9)
#: English vocabularies are measured against the commonest words of the pack `visual`, so that a
#: word's confidence is the same in a vocabulary of ten words and in one of ten thousand.
REFERENCE_WORDS = 2000

#: Encodes keywords to (n_words, dim) float32, L2-normalised.
Encode: TypeAlias = Callable[[Sequence[Keyword]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class RankedWords:
    """The words of a vocabulary, encoded by one model, with what ranks them."""

    #: (n_words, dim) float32, L2-normalised.
    vectors: NDArray[np.float32]
    ranking: Ranking
    #: JSON: everything that the ranking depends on, except model, vocabulary and prompts.
    identity: dict[str, Any]
    #: Words more alike than this repeat each other; None: no words do.
    max_likeness: float | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """A way of scoring."""

    name: str
    #: What `get_number` returns, in words.
    number: str
    #: The number of a keyword that people are shown, in [0, 1].
    get_number: Callable[[ScoredTag], float]
    #: Returns the prompts that a comparison uses with the model in a folder. A catalogue's tagger
    #: uses those that its choice names, else the model's own.
    get_prompts: Callable[[Path | None], Prompts]
    #: Ranks a vocabulary for a model.
    rank: Callable[[TextModel, Vocabulary, Encode], RankedWords]
    #: Whether keywords that repeat a better one are dropped.
    drops_repeats: bool

    def selection_rule(self, words: Vocabulary, ranked: RankedWords, top_k: int) -> Rule:
        """Return the rule by which keywords are selected among the candidates of a photo."""
        if not self.drops_repeats:
            return Rule(top_k)
        return Rule.of(words, top_k, max_likeness=ranked.max_likeness)


def get(name: str) -> Preset:
    """Return the preset of a name.

    Raises:
        SettingsError: There is no such preset.
    """
    if name not in PRESETS:
        raise SettingsError(f"preset {name}: unknown; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def build(
    preset: Preset,
    model: TextModel,
    words: Vocabulary,
    prompts: Prompts,
    *,
    cache_dir: Path | None,
    progress: Progress | None = None,
) -> RankedWords:
    """Encode a vocabulary's words where they are not cached, and rank them as the preset does.

    Raises:
        ModelError: The model's calibration cannot be read.
    """
    encode = functools.partial(
        word_vectors.encode_keywords,
        model,
        default=prompts,
        cache_dir=cache_dir,
        progress=progress,
    )
    return preset.rank(model, words, encode)


def rank_whitened(
    vectors: NDArray[np.float32], reference: NDArray[np.float32], prior: NDArray[np.float64]
) -> RankedWords:
    """Rank (n_words, dim) vectors as the default preset does for models without a calibration.

    Args:
        vectors: (n_words, dim), L2-normalised.
        reference: (n_reference, dim), the words that scores are standardised with.
        prior: (n_words,), see `worker.scoring.prior`.
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
    return RankedWords(vectors, made, identity, max_likeness=MAX_LIKENESS)


def _rank_default(model: TextModel, words: Vocabulary, encode: Encode) -> RankedWords:
    """Rank by the model's own calibration if it has one, else by whitened similarity."""
    own = calibration.find(model.folder)
    if own is not None:
        return _rank_calibrated(own, model, words, encode(words.keywords))
    others = _reference(words)
    vectors = encode((*words.keywords, *others))
    prior = priors.build(words) - _bars(words) / SIGMOID[0]
    return rank_whitened(vectors[: len(words)], vectors[len(words) :] if others else vectors, prior)


def _rank_calibrated(
    own: Calibration, model: TextModel, words: Vocabulary, vectors: NDArray[np.float32]
) -> RankedWords:
    slopes, intercepts = own.terms(words.words)
    made = ranking.affine(
        slopes * model.logit_scale,
        slopes * (model.logit_bias or 0.0) + intercepts - _bars(words),
        vectors.shape[1],
    )
    # no likeness: a small text tower encodes all words that it hardly knows alike
    return RankedWords(vectors, made, {"kind": "calibrated", "calibration": own.digest})


def _rank_paper(model: TextModel, words: Vocabulary, encode: Encode) -> RankedWords:
    """Rank by the cosine alone, as the paper does."""
    calibration.find(model.folder)  # a broken one is reported, although the paper does not use it
    vectors = encode(words.keywords)
    return RankedWords(vectors, ranking.paper(*vectors.shape), {"kind": "paper"})


def _bars(words: Vocabulary) -> NDArray[np.float64]:
    """Return what is subtracted from the log-odds of each word, (n_words,)."""
    return np.array([keyword.bar for keyword in words], np.float64)


def _reference(words: Vocabulary) -> tuple[Keyword, ...]:
    """Return the words to standardise with; empty: the vocabulary itself is the reference."""
    if words.language.partition("-")[0] != "en":
        return ()
    return vocabulary.load("visual").keywords[:REFERENCE_WORDS]


def _paper_prompts(_folder: Path | None) -> Prompts:
    return prompts.parse(["paper"])


#: All presets by name, the best first.
PRESETS = {
    each.name: each
    for each in (
        Preset(
            name="default",
            number="confidence",
            get_number=attrgetter("confidence"),
            get_prompts=prompts.default_for,
            rank=_rank_default,
            drops_repeats=True,
        ),
        Preset(
            name="paper",
            number="share of the softmax over all words",
            get_number=attrgetter("score"),
            get_prompts=_paper_prompts,
            rank=_rank_paper,
            drops_repeats=False,
        ),
    )
}
DEFAULT, PAPER = PRESETS["default"], PRESETS["paper"]
