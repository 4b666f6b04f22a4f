"""Chooses the model, vocabulary, prompts and preset of a catalogue; names only, nothing is loaded.

A catalogue keeps its choice (`catalog.tags.taggers`): vectors of two models are never mixed.
`worker.queue.process` calls it for the pipeline; `kadr retag`, `compare` and `evaluate` do as well.
"""

from dataclasses import replace
from pathlib import Path

from catalog.db.database import Database
from catalog.errors import ModelMismatchError
from catalog.tags import taggers
from catalog.tags.taggers import TaggerChoice
from worker import vocabulary
from worker.models import names
from worker.reporting import Say
from worker.settings import Settings

#: Default models; without a GPU the large one is too slow.
ON_CPU, ON_GPU = "ViT-B/32", "ViT-L/14"
DEFAULT_PRESET = "default"

#: Which model tags where none is named and none can be downloaded, and the way up from it.
STARTER_SENTENCE = (
    "The starter model that comes with Kadr tags: about 1,500 keywords, EfficientNet-Lite2. "
    f"`kadr retag --model {ON_CPU}` moves up to CLIP, which knows any word."
)


def choose(database: Database, settings: Settings, say: Say) -> TaggerChoice:
    """Return the catalogue's choice; the first call for a catalogue makes and records it.

    Raises:
        ModelMismatchError: The settings ask for something else than the catalogue's choice.
        ModelError: There is no such model.
        VocabularyError: There is no such vocabulary.
    """
    with database.read() as session:
        recorded = taggers.find(session)
    if recorded is not None:
        _require_same(recorded, _with_whole_paths(settings))
        if recorded.model == names.STARTER:
            say(STARTER_SENTENCE)
        return recorded
    first = complete(settings, say)
    if settings.model == names.STARTER:
        say(STARTER_SENTENCE)
    with database.write() as session:
        return taggers.choose(session, first)


def complete(settings: Settings, say: Say) -> TaggerChoice:
    """Return the choice of the settings, completed by the best that this machine can use."""
    settings = _with_whole_paths(settings)
    model = settings.model or _best_model(settings, say)
    return replace(
        TaggerChoice(model, "", tuple(settings.prompts or ()), settings.preset or DEFAULT_PRESET),
        vocabulary=settings.vocabulary or _vocabulary_for(model),
    )


def changed(recorded: TaggerChoice, settings: Settings, say: Say) -> TaggerChoice:
    """Return the recorded choice with what the settings ask for; `kadr retag` calls it."""
    settings = _with_whole_paths(settings)
    model = settings.model or recorded.model
    same = _is_same_model(model, recorded.model)
    fallback = recorded.vocabulary if same else _vocabulary_for(model)
    prompts = tuple(settings.prompts or (recorded.prompts if same else ()))
    if not same and recorded.model == names.STARTER:
        say(f"From the starter model to {model}: its photos are encoded again.")
    return TaggerChoice(
        model,
        settings.vocabulary or fallback,
        prompts,
        settings.preset or recorded.preset,
        recorded.model_digest if same else None,
    )


def _with_whole_paths(settings: Settings) -> Settings:
    """Return the settings with absolute paths of a model's folder and a file of words."""
    model, words = settings.model, settings.vocabulary
    if model and (model.startswith("local-dir:") or Path(model).expanduser().is_dir()):
        from worker.models import clip  # noqa: PLC0415 - brings torch

        model = str(clip.resolve(model))
    if words and words not in vocabulary.list_names() and Path(words).expanduser().is_file():
        words = str(Path(words).expanduser().absolute())
    return settings.model_copy(update={"model": model, "vocabulary": words})


def _best_model(settings: Settings, say: Say) -> str:
    from worker.models import clip, device  # noqa: PLC0415 - brings torch

    wanted = ON_CPU if device.choose_device(settings.device).type == "cpu" else ON_GPU
    if clip.is_available(wanted):
        return wanted
    say(f"{wanted} cannot be downloaded now. {STARTER_SENTENCE}")
    return names.STARTER


def _vocabulary_for(model: str) -> str:
    if model == names.STARTER:
        return "starter"
    return "visual" if "visual" in vocabulary.list_names() else vocabulary.ENGLISH


def _is_same_model(wanted: str, recorded: str) -> bool:
    if wanted == recorded:
        return True
    from worker.models import clip  # noqa: PLC0415 - brings torch

    return clip.resolve(wanted) == clip.resolve(recorded)


def _require_same(recorded: TaggerChoice, settings: Settings) -> None:
    asked = {
        "model": (settings.model, recorded.model),
        "vocabulary": (settings.vocabulary, recorded.vocabulary),
        "prompt": (tuple(settings.prompts or ()) or None, recorded.prompts),
        "preset": (settings.preset, recorded.preset),
    }
    for name, (wanted, known) in asked.items():
        if wanted is None or wanted == known:
            continue
        if name == "model" and _is_same_model(str(wanted), str(known)):
            continue
        shown = f'"{wanted[0]}"' if isinstance(wanted, tuple) else wanted
        was = (f'"{known[0]}"' if known else "its own") if isinstance(known, tuple) else known
        raise ModelMismatchError(
            f"this catalogue is tagged with {name} {was}, not {shown}; to change it for every "
            f"photo run `kadr retag --{name} {shown}`, or give another catalogue with "
            "KADR_DATABASE_URL"
        )
