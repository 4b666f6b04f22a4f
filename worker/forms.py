"""Plurals and frequencies of English words, for building packs."""

import functools
import re

#: A phrase is rarer than its rarest word; wordfreq knows only the words.
_PHRASE_ZIPF = 1.0
_ES = re.compile(r"(s|x|z|ch|sh)$")
_IES = re.compile(r"[^aeiou]y$")


@functools.cache
def zipf(name: str) -> float:
    """Return how common a word or phrase is (Zipf scale of wordfreq)."""
    import wordfreq  # reads its tables on first use

    extra_words = len(name.split()) - 1
    return float(wordfreq.zipf_frequency(name, "en")) - _PHRASE_ZIPF * extra_words


def rarest_zipf(name: str) -> float:
    """Return the Zipf frequency of the rarest word in a phrase."""
    return min(zipf(word) for word in name.split())


@functools.cache
def lemma(word: str) -> str:
    """Return the dictionary form of an English word: "fishes" is "fish"."""
    import simplemma  # reads its tables on first use

    return str(simplemma.lemmatize(word, lang="en"))


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
