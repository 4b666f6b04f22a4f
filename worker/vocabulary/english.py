"""Plurals and dictionary forms of English words, for building packs and comparing words."""

import functools
import re

from worker.scoring import prior

_ES = re.compile(r"(s|x|z|ch|sh)$")
_IES = re.compile(r"[^aeiou]y$")


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
    if prior.zipf(many) < 1.0 or lemma(many) != last:  # Zipf 1: once in a hundred million words
        return None
    return " ".join([*before, many])


def is_plural(name: str, word: str) -> bool:
    """Tell whether a name looks like a word's plural, a regular one or not: "men" for "man"."""
    many, one = name.rsplit(maxsplit=1)[-1], word.rsplit(maxsplit=1)[-1]
    is_other = many != one and len(many) >= len(one) and not many.endswith(("ed", "ing"))
    return is_other and lemma(name) == word
