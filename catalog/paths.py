"""File names as text that every database can store, and back.

A POSIX name is bytes. Python carries what is not UTF-8 as lone surrogates U+DC80 to U+DCFF, which
neither SQLite nor PostgreSQL takes: they are stored as U+10FF80 to U+10FFFF (private use) instead.
"""

import os
from pathlib import Path
from typing import NamedTuple

_SURROGATES = {0xDC80 + n: 0x10FF80 + n for n in range(0x80)}
_SURROGATES[0xDCFE], _SURROGATES[0xDCFF] = 0x10FEFE, 0x10FEFF  # U+10FFFE, U+10FFFF: no characters
_BACK = {stored: surrogate for surrogate, stored in _SURROGATES.items()}


def to_text(path: str | os.PathLike[str]) -> str:
    """Return the storable form of a path; `/` separates parts on every system."""
    return name_to_text(Path(path).as_posix())


def name_to_text(name: str) -> str:
    """Return the storable form of a name without folders, which costs less than that of a path."""
    return name if name.isascii() else name.translate(_SURROGATES)


def from_text(text: str) -> Path:
    """Return the path of a stored text, as the operating system knows it."""
    return Path(text if text.isascii() else text.translate(_BACK))


def join(root: str, path: str) -> Path:
    """Return the path of a file from the stored path of its root and its own below it."""
    return from_text(root) / from_text(path)


def printable(text: str) -> str:
    """Return a stored path to be shown; bytes that are not UTF-8 become U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    shown = "".join("�" if ord(char) in _BACK else char for char in text)
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown
    )


#: What `FileStat` holds, where many are compared: size, mtime, ctime.
SizeAndTimes = tuple[int, int, int | None]


class FileStat(NamedTuple):
    """Size and times of change, which tell whether a file changed without reading it."""

    size_bytes: int
    mtime_ns: int
    #: Set by the system with every change of content, name or rights, whatever a program does to
    #: mtime. None where it was not noted.
    ctime_ns: int | None = None

    def has_content_of(self, other: "FileStat") -> bool:
        """Return whether size and mtime are the same; a change of rights alone moves only ctime."""
        return (self.size_bytes, self.mtime_ns) == (other.size_bytes, other.mtime_ns)
