"""Which model, vocabulary and preset tag a catalogue: what was asked for, else the best there is.

A catalogue remembers its choice (`catalog.tags.taggers`): vectors of two models are never mixed.
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

#: Without a graphics card the large model is too slow to be a pleasure.
ON_CPU, ON_GPU = "ViT-B/32", "ViT-L/14"
DEFAULT_PRESET = "default"


def choose(database: Database, settings: Settings, say: Say) -> TaggerChoice:
    """Return what tags the catalogue; the first call for a catalogue decides, and writes it down.

    Raises:
        ModelMismatchError: something else was asked for than the catalogue was begun with.
        ModelError: no such model. VocabularyError: no such vocabulary.
    """
    with database.read() as session:
        recorded = taggers.find(session)
    if recorded is not None:
        _require_same(recorded, _with_whole_paths(settings))
        return recorded
    first = complete(settings, say)
    with database.write() as session:
        return taggers.choose(session, first)


def complete(settings: Settings, say: Say) -> TaggerChoice:
    """Fill what the settings leave open with the best that this machine can have."""
    settings = _with_whole_paths(settings)
    model = settings.model or _best_model(settings, say)
    return replace(
        TaggerChoice(model, "", tuple(settings.prompts or ()), settings.preset or DEFAULT_PRESET),
        vocabulary=settings.vocabulary or _vocabulary_for(model),
    )


def changed(recorded: TaggerChoice, settings: Settings, say: Say) -> TaggerChoice:
    """Return the choice after `kadr retag`: what was asked for, the rest as it was."""
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
    """Name a folder of a model and a file of words so that it is found from every folder."""
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
    say(
        f"{wanted} cannot be downloaded now, so the starter model that comes with Kadr is used: "
        "about 1,300 concepts, smaller and less sure than CLIP. With a network, move up later "
        f"with `kadr retag --model {wanted}`."
    )
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
