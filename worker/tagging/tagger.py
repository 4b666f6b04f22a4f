"""Builds what tags: a model, its words' vectors, a way of scoring; from a catalogue's choice."""

from dataclasses import asdict, dataclass
from typing import cast

from catalog.db.database import Database
from catalog.tags import store, taggers
from catalog.tags.taggers import TaggerChoice
from worker import scoring, vocabulary
from worker.images import Limits
from worker.models import clip
from worker.reporting import Progress
from worker.settings import Settings
from worker.tagging.pipeline import PipelineSettings, Tagger
from worker.vocabulary import lexicon, prompts


@dataclass(frozen=True, slots=True)
class BuiltTagger:
    """A tagger that no catalogue knows yet."""

    model: clip.ClipModel
    scorer: scoring.Scorer
    spec: taggers.TaggerSpec
    words: store.Lexicon


def build(chosen: TaggerChoice, settings: Settings, progress: Progress | None) -> BuiltTagger:
    """Load the model and encode the vocabulary; what is cached is not encoded again.

    Raises ModelError and VocabularyError.
    """
    words = vocabulary.load(chosen.vocabulary)
    model = clip.load(
        chosen.model,
        device=settings.device,
        precision=settings.precision,
        cache_dir=settings.cache_dir,
    )
    asked = prompts.parse(chosen.prompts) if chosen.prompts else prompts.default_for(model.folder)
    how = scoring.ScoringSettings(
        preset=cast("scoring.Preset", chosen.preset), top_k=settings.top_k
    )
    scorer = scoring.build_scorer(
        model, words, asked, settings=how, cache_dir=settings.cache_dir, progress=progress
    )
    spec = taggers.TaggerSpec(
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
    return BuiltTagger(model, scorer, spec, lexicon.of(words))


def register(
    database: Database, built: BuiltTagger, chosen: TaggerChoice
) -> tuple[Tagger, TaggerChoice]:
    """Give a tagger its rows in the catalogue, and the tags there what its vocabulary knows.

    Raises:
        ModelMismatchError: the catalogue's vectors are of other weights.
    """
    with database.write() as session:
        confirmed = taggers.confirm_digest(session, chosen, built.model.digest)
        identity = taggers.ensure_tagger(session, built.spec)
        store.complete_tags(session, built.words)
    return Tagger(built.model, built.scorer, identity, built.words), confirmed


def pipeline_settings(settings: Settings) -> PipelineSettings:
    """Return those of the settings that the pipeline needs."""
    return PipelineSettings(
        batch_size=settings.batch_size,
        decode_threads=settings.decode_threads,
        lease_s=settings.lease_s,
        limits=Limits(max_pixels=settings.max_pixels, max_bytes=settings.max_bytes),
    )
