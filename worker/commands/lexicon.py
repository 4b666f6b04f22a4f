"""Knows which keyword a person's new word is an alias of: all that `kadr keyword` needs of here."""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.tags.store import Lexicon
    from catalog.tags.taggers import Preferences


def load(chosen: "Preferences | None", keys: Collection[str]) -> "Lexicon":
    """Return what the catalogue's vocabulary, or another one, knows of folded words."""
    from worker.vocabulary import lexicon

    return lexicon.look_up(chosen, keys)
