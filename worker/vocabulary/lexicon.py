"""What vocabularies know of words, as the catalogue takes it: aliases and broader words.

`worker.tagging` hands it to the catalogue with every batch, `kadr keyword` asks for it where a
person's word is new.
"""

from collections.abc import Collection

from catalog.tags import store
from catalog.tags.taggers import TaggerChoice
from worker.errors import VocabularyError
from worker.vocabulary import packs
from worker.vocabulary.keywords import Keyword, Vocabulary

#: Knows the everyday words that a small vocabulary has not.
FALLBACK = "visual"


def of(words: Vocabulary) -> store.Lexicon:
    """Return what a vocabulary knows, by every form of its keywords."""
    specs = [_spec(keyword) for keyword in words]
    return {form: specs[index] for form, index in words.by_form.items()}


def look_up(chosen: TaggerChoice | None, keys: Collection[str]) -> store.Lexicon:
    """Return what is known of folded words: by the catalogue's vocabulary, else by `visual`.

    `visual` is asked where the words are English, and some are not in the vocabulary. It is not
    beside `english-50k`, which tags with "plane" and "airplane" as two words.
    """
    name = chosen.vocabulary if chosen is not None else FALLBACK
    if name == packs.ENGLISH:
        return {}
    try:
        words = packs.load(name)
    except VocabularyError:  # a file that was moved since: a person's word counts without it
        return {}
    own = of(words)
    if all(key in own for key in keys) or words.language.partition("-")[0] != "en":
        return own
    return {**of(packs.load(FALLBACK)), **own}


def _spec(keyword: Keyword) -> store.TagSpec:
    aliases = tuple((alias.word, alias.language) for alias in keyword.aliases)
    return store.TagSpec(keyword.word, aliases, keyword.parents)
