"""Callbacks for the commands of the catalogue: they load a text encoder, pictures, a lexicon.

Every `kadr` command is given them and few call one, so each imports what it needs when called.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

    from catalog.similar.directions import TextEncoder
    from catalog.tags.store import Lexicon
    from catalog.tags.taggers import TaggerChoice


def load_encoder(model: str) -> "TextEncoder":
    """Load the text encoder of a model, by the name that the catalogue knows it under.

    Raises:
        ModelError: the model cannot be found or downloaded.
    """
    from worker.cli import options  # noqa: PLC0415 - as below
    from worker.models import loading  # noqa: PLC0415 - brings torch, for `--like` alone

    return loading.load_model(model, options.load())


def load_thumbnails(paths: Sequence[Path | None]) -> "Sequence[RenderableType] | None":
    """Return a small picture of each photo; None where the terminal shows no pictures."""
    from worker.cli import thumbnails  # noqa: PLC0415 - asks the terminal

    return thumbnails.load(paths)


def load_lexicon(chosen: "TaggerChoice | None", keys: Collection[str]) -> "Lexicon":
    """Return what the vocabulary of the catalogue, or another one, knows of folded words."""
    from worker.vocabulary import lexicon  # noqa: PLC0415 - for new words alone

    return lexicon.look_up(chosen, keys)
