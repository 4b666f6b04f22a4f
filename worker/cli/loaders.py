"""What the catalogue's commands are given: the text encoder of `--like`, and a lexicon.

A lexicon knows which keyword a person's new word is an alias of.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.similar.directions import TextEncoder
    from catalog.tags.store import Lexicon
    from catalog.tags.taggers import TaggerChoice


def load_encoder(model: str) -> "TextEncoder":
    """Load the text encoder of a model, by the name that the catalogue has it under."""
    from worker.cli import options
    from worker.models import loading

    return loading.load_model(model, options.load())


def load_lexicon(chosen: "TaggerChoice | None", keys: Collection[str]) -> "Lexicon":
    """Return what the catalogue's vocabulary, or another one, knows of folded words."""
    from worker.vocabulary import lexicon

    return lexicon.look_up(chosen, keys)
