"""Converts vocabularies to the catalogue's form of them: aliases and broader words of each form.

`worker.tagging` passes it to the catalogue with every batch; `kadr keyword` looks up the words that
are new to a catalogue.
"""

from collections.abc import Collection

from catalog.tags import store
from catalog.tags.taggers import TaggerChoice
from worker.errors import VocabularyError
from worker.vocabulary import packs
from worker.vocabulary.keywords import Keyword, Vocabulary

#: The pack with the everyday words that a small vocabulary lacks.
FALLBACK = "visual"


def of(words: Vocabulary) -> store.Lexicon:
    """Return the aliases and parents of a vocabulary's keywords, by each folded form."""
    specs = [_spec(keyword) for keyword in words]
    return {form: specs[index] for form, index in words.by_form.items()}


def look_up(chosen: TaggerChoice | None, keys: Collection[str]) -> store.Lexicon:
    """Return what is known about folded words: in the catalogue's vocabulary, else in `visual`.

    Falls back to `visual` for English words that the vocabulary lacks, except for `english-50k`,
    which has "plane" and "airplane" as two keywords.
    """
    name = chosen.vocabulary if chosen is not None else FALLBACK
    if name == packs.ENGLISH:
        return {}
    try:
        words = packs.load(name)
    except VocabularyError:  # a file that was moved since: a person's word is kept as it is
        return {}
    own = of(words)
    if all(key in own for key in keys) or words.language.partition("-")[0] != "en":
        return own
    return {**of(packs.load(FALLBACK)), **own}


def _spec(keyword: Keyword) -> store.TagSpec:
    aliases = tuple((alias.word, alias.language) for alias in keyword.aliases)
    return store.TagSpec(keyword.word, aliases, keyword.parents)
