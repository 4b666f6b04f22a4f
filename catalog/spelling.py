"""Owns how keywords are spelled and compared, everywhere in Kadr."""

import functools
import re
import unicodedata

#: Longest keyword, in characters.
MAX_WORD_CHARS = 100


#: Characters that are not seen: byte order marks, zero-width spaces, soft hyphens, directions.
#: Joiners and selectors stand within letters and signs that belong together.
_INVISIBLE = frozenset(
    "\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff"
)
_JOINED = "\u200c\u200d\ufe0e\ufe0f"
_FOLDED: dict[int, str | None] = {
    **dict.fromkeys(map(ord, [*_INVISIBLE, *_JOINED])),
    **dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u2032\u00b4`"), "'"),
    ord("\N{CYRILLIC SMALL LETTER IO}"): "\N{CYRILLIC SMALL LETTER IE}",
}
#: Letters with a stroke or joined ones, which Unicode does not take apart.
_PLAIN = str.maketrans(
    {"\u0142": "l", "\u00f8": "o", "\u0111": "d", "\u0127": "h", "\u0131": "i", "\u00e6": "ae"}
    | {"\u0153": "oe", "\u00f0": "d", "\u00fe": "th", "\u0167": "t"}
)
#: Accents of Latin, Greek and Cyrillic, points of Hebrew and Arabic: not the vowels of India's
#: scripts, nor the marks of Japanese, without which a word is another one.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u0652]")


@functools.lru_cache(maxsize=100_000)  # a model gives the same words again and again
def clean(word: str) -> str:
    """Return a word as it is shown: NFC, single spaces, no control or invisible characters."""
    text = unicodedata.normalize("NFC", word)
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    text = "".join(
        " " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char
        for char in text
        if char not in _INVISIBLE
    )
    return " ".join(text.split()) if text.strip(_JOINED) else ""


@functools.lru_cache(maxsize=100_000)
def fold(word: str) -> str:
    """Return a word as it is looked up.

    Cleaned, case-folded, without characters that are not seen, with a straight apostrophe, and with
    Russian io as ie.
    """
    folded = unicodedata.normalize("NFKC", clean(word)).casefold()
    return unicodedata.normalize("NFC", folded).translate(_FOLDED)


def plain(key: str) -> str:
    """Return a word as `fold` does but without accents, for look-ups that find nothing else."""
    folded = fold(key)
    if folded.isascii():
        return folded
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", folded)).translate(_PLAIN)
    return unicodedata.normalize("NFC", bare)
