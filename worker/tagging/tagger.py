"""Loads a tagger (a model, a vocabulary and a way of scoring) from a catalogue's choice.

`worker.queue.process` loads one for the pipeline, `kadr retag` one to score stored embeddings.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from catalog.db.database import Database
from catalog.tags import store, taggers
from catalog.tags.results import ScoredTag
from catalog.tags.taggers import TaggerChoice, TaggerSpec
from worker import scoring, vocabulary
from worker.images import Preprocess
from worker.models import clip, loading
from worker.reporting import Progress
from worker.settings import Settings
from worker.vocabulary import lexicon, prompts


class Encoder(Protocol):
    """The part of a model that tagging uses; `worker.models.clip.ClipModel` has it."""

    @property
    def preprocess(self) -> Preprocess:
        """The pixels that the model expects."""

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode (n, size, size, 3) uint8 to (n, dim) float32, L2-normalised."""


class Scorer(Protocol):
    """A way of scoring; `worker.scoring.Scorer` is one."""

    def score(self, vectors: NDArray[np.float32]) -> Sequence[Sequence[ScoredTag]]:
        """Return the keywords of each of (n, dim) vectors, best first."""


@dataclass(frozen=True, slots=True)
class Tagger:
    """A loaded model, its vocabulary and a way of scoring. Any catalogue may register it."""

    encoder: Encoder
    scorer: Scorer
    #: What identifies it in a catalogue.
    spec: TaggerSpec
    #: Aliases and parents of the vocabulary's words.
    words: store.Lexicon


def load(chosen: TaggerChoice, settings: Settings, progress: Progress | None = None) -> Tagger:
    """Load the model and encode those words of the vocabulary that are not in the cache.

    Args:
        chosen: The names of model, vocabulary, prompts and preset.
        settings: Device, precision, cache folder and the number of keywords.
        progress: Called as `progress(done, total)` with the number of words encoded.

    Raises:
        ModelError: There is no such model, or it cannot be loaded.
        VocabularyError: There is no such vocabulary, or it cannot be read.
    """
    words = vocabulary.load(chosen.vocabulary)
    model = loading.load_model(chosen.model, settings)
    asked = prompts.parse(chosen.prompts) if chosen.prompts else prompts.default_for(model.folder)
    how = scoring.ScoringSettings(preset=chosen.preset, top_k=settings.top_k)
    scorer = scoring.build_scorer(
        model, words, asked, settings=how, cache_dir=settings.cache_dir, progress=progress
    )
    return assemble(model, words, asked, how, scorer)


def assemble(
    model: clip.ClipModel,
    words: vocabulary.Vocabulary,
    asked: prompts.Prompts,
    how: scoring.ScoringSettings,
    scorer: scoring.Scorer,
) -> Tagger:
    """Return a tagger of loaded parts, with the identity that they make."""
    spec = TaggerSpec(
        model=model.name,
        model_digest=model.digest,
        dim=model.dim,
        vocabulary=words.name,
        vocabulary_digest=words.digest,
        prompts=asked.templates,
        prompt_digest=asked.digest,
        scoring_digest=scorer.digest,
        scoring=asdict(how),
    )
    return Tagger(model, scorer, spec, lexicon.of(words))


def register(database: Database, tagger: Tagger, chosen: TaggerChoice) -> int:
    """Insert the tagger's rows; add the vocabulary's aliases and parents to existing tags.

    Args:
        database: The catalogue.
        tagger: The tagger that `load` returned for `chosen`.
        chosen: What the catalogue is tagged with; the model's digest is recorded in it.

    Returns:
        The id of the tagger's row.

    Raises:
        ModelMismatchError: The catalogue's vectors were made with other weights.
    """
    with database.write() as session:
        taggers.confirm_digest(session, chosen, tagger.spec.model_digest)
        tagger_id = taggers.ensure_tagger(session, tagger.spec)
        store.complete_tags(session, tagger.words)
    return tagger_id
