"""Answers questions about English words: plurals, dictionary forms, how common a word is.

The pack builder, the training's texts, evaluation and the prior of scoring ask.
"""

import functools
import re

_ES = re.compile(r"(s|x|z|ch|sh)$")
_IES = re.compile(r"[^aeiou]y$")

#: A phrase is rarer than its rarest word; wordfreq knows only the words.
PHRASE_ZIPF = 1.0


@functools.lru_cache(maxsize=100_000)
def lemma(name: str, language: str = "en") -> str:
    """Return the dictionary form of a word or of a phrase's words: "fishes" is "fish".

    A word of a language that simplemma does not know stays as it is.
    """
    import simplemma  # reads its tables on first use

    code = language.partition("-")[0]
    try:
        return " ".join(str(simplemma.lemmatize(word, lang=code)) for word in name.split())
    except ValueError:
        return name


def plural(name: str) -> str | None:
    """Return the regular plural of a word or phrase where English uses it, else None."""
    *before, last = name.split()
    if _ES.search(last):
        many = f"{last}es"
    elif _IES.search(last):
        many = f"{last[:-1]}ies"
    else:
        many = f"{last}s"
    if zipf(many) < 1.0 or lemma(many) != last:  # Zipf 1: once in a hundred million words
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
    import wordfreq  # reads its tables on first use

    try:
        return float(wordfreq.zipf_frequency(name, language.partition("-")[0]))
    except (LookupError, ModuleNotFoundError):  # no such table, or no segmenter for its script
        return 0.0
