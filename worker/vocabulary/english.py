"""Answers questions about English words: plurals, dictionary forms, how common a word is.

The pack builder, the training's texts, evaluation and the prior of scoring ask.
"""

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import inflect

_ES = re.compile(r"(s|x|z|ch|sh)$")
_IES = re.compile(r"[^aeiou]y$")
_WORD = re.compile(r"[A-Za-z'-]{2,}")
#: Irregular plurals that inflect does not know.
_UNKNOWN = {"thief": "thieves", "hoof": "hooves"}
#: Zipf 1 is once in a hundred million words: a plural that is rarer is nobody's word.
_MIN_ZIPF = 1.0
#: How much rarer than its singular a plural may be, in powers of ten: "runnings" and "golds" are.
_MAX_RARER = 2.0

#: A phrase is rarer than its rarest word; wordfreq knows only the words.
PHRASE_ZIPF = 1.0


@functools.lru_cache(maxsize=100_000)
def lemma(name: str, language: str = "en") -> str:
    """Return the dictionary form of a word or of a phrase's words: "fishes" is "fish".

    A word of a language that simplemma does not know stays as it is.
    """
    import simplemma  # noqa: PLC0415 - reads its tables on first use

    code = language.partition("-")[0]
    try:
        return " ".join(str(simplemma.lemmatize(word, lang=code)) for word in name.split())
    except ValueError:
        return name


def plural(name: str) -> str | None:
    """Return the plural of an English word or phrase, else None where people hardly use one.

    Irregular plurals are those of `inflect` ("mice", "leaves"). It has some that nobody writes
    ("geckoes"), so the regular one goes first where it is the more frequent.
    """
    *before, last = name.split()
    many = _plural(last)
    if many is None or zipf(many) < _MIN_ZIPF:
        return None
    if not before and zipf(last) - zipf(many) > _MAX_RARER:
        return None
    return " ".join([*before, many])


def is_plural(name: str, word: str) -> bool:
    """Return whether a name looks like a word's plural, regular or not: "men" for "man"."""
    many, one = name.rsplit(maxsplit=1)[-1], word.rsplit(maxsplit=1)[-1]
    is_other = many != one and len(many) >= len(one) and not many.endswith(("ed", "ing"))
    return is_other and lemma(name) == word


def zipf(name: str, language: str = "en") -> float:
    """Return how common a word or phrase is, 0 if not known (Zipf scale: 5 is a common word)."""
    return _zipf(name, language) - PHRASE_ZIPF * (len(name.split()) - 1)


@functools.lru_cache(maxsize=200_000)
def _zipf(name: str, language: str) -> float:
    import wordfreq  # noqa: PLC0415 - reads its tables on first use

    try:
        return float(wordfreq.zipf_frequency(name, language.partition("-")[0]))
    except (LookupError, ModuleNotFoundError):  # no such table, or no segmenter for its script
        return 0.0


def _plural(word: str) -> str | None:
    """Return the plural of one word; None for a plural ("shorts") and for what has none."""
    if not _WORD.fullmatch(word) or (word.endswith("s") and lemma(word) != word):
        return None
    known = _grammar().plural_noun(word)
    if known == word:
        return None
    written = (each for each in (known, _regular(word)) if not each.endswith("ss"))
    return max(written, key=zipf, default=None)


def _regular(word: str) -> str:
    if _ES.search(word):
        return f"{word}es"
    return f"{word[:-1]}ies" if _IES.search(word) else f"{word}s"


@functools.cache
def _grammar() -> "inflect.engine":
    import inflect  # noqa: PLC0415 - takes two seconds, and only builders of packs need it

    engine = inflect.engine()
    for word, many in _UNKNOWN.items():
        engine.defnoun(word, many)
    return engine
