"""Owns how keywords are spelled and compared, everywhere in Kadr."""

import unicodedata

#: Longest keyword, in characters.
MAX_WORD_CHARS = 100


def clean(word: str) -> str:
    """Return a word as it is shown: NFC, single spaces, no control characters."""
    text = unicodedata.normalize("NFC", word)
    text = "".join(
        " " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char for char in text
    )
    return " ".join(text.split())


def fold(word: str) -> str:
    """Return a word as it is looked up: cleaned, case-folded, with Russian io as ie."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", clean(word)).casefold())
    return folded.replace("\N{CYRILLIC SMALL LETTER IO}", "\N{CYRILLIC SMALL LETTER IE}")
