"""What vocabularies know of words, as the catalogue takes it: aliases and broader words.

`worker.taggers` hands it to the catalogue with every batch, `kadr keyword` asks for it where a
person's word is new.
"""

from collections.abc import Collection

from catalog import tags
from catalog.preferences import Preferences
from worker import vocabulary
from worker.errors import VocabularyError
from worker.keywords import Keyword, Vocabulary

#: Knows the everyday words that a small vocabulary has not.
FALLBACK = "visual"


def of(words: Vocabulary) -> tags.Lexicon:
    """Return what a vocabulary knows, by every form of its keywords."""
    specs = [_spec(keyword) for keyword in words]
    return {form: specs[index] for form, index in words.by_form.items()}


def look_up(chosen: Preferences | None, keys: Collection[str]) -> tags.Lexicon:
    """Return what is known of folded words: by the catalogue's vocabulary, else by `visual`.

    `visual` is asked where the words are English, and some are not in the vocabulary. It is not
    beside `english-50k`, which tags with "plane" and "airplane" as two words.
    """
    name = chosen.vocabulary if chosen is not None else FALLBACK
    if name == vocabulary.ENGLISH:
        return {}
    try:
        words = vocabulary.load(name)
    except VocabularyError:  # a file that was moved since: a person's word counts without it
        return {}
    own = of(words)
    if all(key in own for key in keys) or words.language.partition("-")[0] != "en":
        return own
    return {**of(vocabulary.load(FALLBACK)), **own}


def _spec(keyword: Keyword) -> tags.TagSpec:
    aliases = tuple((alias.word, alias.language) for alias in keyword.aliases)
    return tags.TagSpec(keyword.word, aliases, keyword.parents)
