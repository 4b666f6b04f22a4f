"""Reads IPTC IIM records (IPTC-NAA 4.2): keywords, and the date taken.

`worker.images` hands in the records that Pillow finds in a file.
"""

from collections.abc import Mapping
from typing import TypeAlias

from catalog.said import Taken
from worker.metadata import dates

#: By record and dataset; repeated ones are lists.
Records: TypeAlias = Mapping[tuple[int, int], bytes | list[bytes] | None]

_CHARSET, _KEYWORDS, _DATE, _TIME = (1, 90), (2, 25), (2, 55), (2, 60)
#: ISO 2022 escape sequences by which a file names its character set.
_CHARSETS = {
    b"\x1b%G": "utf-8",
    b"\x1b%/G": "utf-8",
    b"\x1b-B": "iso8859-2",
    b"\x1b.B": "iso8859-2",
    b"\x1b-F": "iso8859-7",
    b"\x1b-L": "iso8859-5",
}
#: What programs wrote that named none: Windows' own.
_FALLBACK = "cp1252"
#: A keyword takes 64 bytes; the end of a character that was cut is left out.
_MAX_BYTES, _LONGEST_CHARACTER = 64, 4


def keywords(records: Records) -> tuple[list[str], set[str]]:
    """Return the keywords of a file, and those among them that may have been cut at 64 bytes."""
    raw = _all(records, _KEYWORDS)
    encoding = _encoding_of(raw, _first(records, _CHARSET))
    words = [_decode(each, encoding) for each in raw]
    cut = {
        word
        for word, each in zip(words, raw, strict=True)
        if _MAX_BYTES - _LONGEST_CHARACTER < len(each) <= _MAX_BYTES
    }
    return words, cut


def taken(records: Records) -> Taken | None:
    """Return the date created, "19991231", with the time created, "230000+0100"."""
    date = _first(records, _DATE).decode("ascii", errors="replace").strip("\0 ")
    time = _first(records, _TIME).decode("ascii", errors="replace").strip("\0 ")
    if len(time) >= len("230000") and time[:6].isdigit():
        date += f"T{time[:2]}:{time[2:4]}:{time[4:6]}{time[6:]}"
    return dates.parse(date)


def _all(records: Records, which: tuple[int, int]) -> list[bytes]:
    found = records.get(which)  # Pillow gives None for an empty one
    values = found if isinstance(found, list) else [found]
    return [value for value in values if isinstance(value, bytes)]


def _first(records: Records, which: tuple[int, int]) -> bytes:
    return next(iter(_all(records, which)), b"")


def _encoding_of(raw: list[bytes], charset: bytes) -> str:
    """Return the encoding that a file names, or UTF-8 if all of its words are that."""
    named = _CHARSETS.get(charset.strip())
    if named is not None:
        return named
    try:
        for each in raw:
            _without_cut_character(each).decode()
    except UnicodeDecodeError:
        return _FALLBACK
    return "utf-8"


def _decode(raw: bytes, encoding: str) -> str:
    whole = _without_cut_character(raw) if encoding == "utf-8" else raw
    return whole.decode(encoding, errors="replace")


def _without_cut_character(raw: bytes) -> bytes:
    """Return UTF-8 without the beginning of a character at its end."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        is_cut = error.reason == "unexpected end of data" and len(raw) > _MAX_BYTES // 2
        return raw[: error.start] if is_cut else raw
    return raw
