"""Opens the files of photos and sends them: one as it is, or several in a ZIP archive.

Files are opened by the catalogue's path, never by one from a request, and only if they are regular
files that begin as a picture does: a name that was swapped for a pipe cannot hold a thread, and one
that was swapped for a link to a key or a database does not send it.
"""

import os
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO, cast
from urllib.parse import quote

from catalog import paths
from catalog.errors import NotFoundError

_CHUNK = 256 * 1024
_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)

#: Limits of one archive.
MAX_ZIPPED, MAX_ZIPPED_BYTES = 2_000, 8 * 2**30
_EARLIEST_ZIP_YEAR = 1980

_HEAD_BYTES = 16
#: How pictures begin; those in ISO's boxes (HEIC, AVIF, CR3) have `ftyp` behind four bytes.
_MAGIC = (
    *(b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8", b"BM"),
    *(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),  # TIFF, and most RAW
    *(b"FUJIFILM", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM", b"II\x1a\0", b"ARRI"),
)

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
#: What may make a file's name a path, or hide its end, on some system.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\.|$)")

_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "heic": "image/heic",
    "avif": "image/avif",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file of a photo."""

    file: BinaryIO
    name: str
    size: int
    changed_at: datetime


def open_first(places: Sequence[Path]) -> Opened:
    """Open the first file of a photo that is there.

    Raises:
        NotFoundError: None is there and a picture, or none may be read.
    """
    for path in places:
        opened = _open_regular(path)
        if opened is not None:
            return opened
    raise NotFoundError("no file of this photo can be read now; `kadr show` lists where it lay")


def _open_regular(path: Path) -> Opened | None:
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError):
        return None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        return None
    changed_at = datetime.fromtimestamp(found.st_mtime, UTC)
    file = os.fdopen(descriptor, "rb")
    if not _is_picture(file.read(_HEAD_BYTES)):
        file.close()
        return None
    file.seek(0)
    return Opened(file, safe_name(path), found.st_size, changed_at)


def _is_picture(head: bytes) -> bool:
    """Return whether a file begins as one of the formats that Kadr opens."""
    return head.startswith(_MAGIC) or head[4:8] == b"ftyp"


def safe_name(path: Path) -> str:
    """Return the name of a file as every system can store it."""
    shown = paths.printable(paths.to_text(path.name))
    name = _UNSAFE.sub("_", shown).strip(". ") or "photo"
    return f"_{name}" if _RESERVED.match(name) else name


def disposition(name: str) -> str:
    """Return the header that has a browser save a file under its name (RFC 6266)."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def content_type(form: str | None) -> str:
    """Return the media type of a photo's format; unknown ones are plain bytes."""
    return _TYPES.get(form or "", "application/octet-stream")


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte of a single range that is asked for.

    None stands for the whole file: no range, several of them, or one that is not understood.

    Raises:
        ValueError: The range lies outside of the file.
    """
    found = _RANGE.fullmatch(header.replace(" ", ""))
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:  # the last bytes
        begin, end = max(0, size - int(last)), size - 1
        if int(last) == 0:
            raise ValueError(header)
    else:
        begin, end = int(first), min(int(last), size - 1) if last else size - 1
    if last and first and int(last) < int(first):
        return None
    if begin >= size:
        raise ValueError(header)
    return begin, end


def read_part(opened: Opened, begin: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of a file from `begin` to `end`, and close it."""
    with opened.file as file:
        file.seek(begin)
        left = end - begin + 1
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk


class _Sink:
    """Takes what `zipfile` writes, to be handed on at once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: `take` hands everything on."""

    def take(self) -> bytes:
        found = b"".join(self._parts)
        self._parts.clear()
        return found


def zip_photos(photos: Iterable[Sequence[Path]]) -> Iterator[bytes]:
    """Yield a ZIP archive of photos, each by the first of its files that can be read.

    They are stored, not compressed, since photos are. A photo that is gone meanwhile is left out,
    and the archive ends before `MAX_ZIPPED_BYTES`.
    """
    sink, taken, total = _Sink(), set[str](), 0
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_STORED) as archive:
        for places in photos:
            try:
                opened = open_first(places)
            except NotFoundError:
                continue
            total += opened.size
            if total > MAX_ZIPPED_BYTES:
                opened.file.close()
                break
            entry = zipfile.ZipInfo(_free_name(opened.name, taken), _zip_time(opened.changed_at))
            with archive.open(entry, "w", force_zip64=True) as written:
                for chunk in read_part(opened, 0, opened.size - 1):
                    written.write(chunk)
                    yield sink.take()
    yield sink.take()


def _free_name(name: str, taken: set[str]) -> str:
    stem, dot, suffix = name.rpartition(".")
    stem, end = (stem, dot + suffix) if stem else (name, "")
    found, number = name, 2
    while found.casefold() in taken:
        found, number = f"{stem} ({number}){end}", number + 1
    taken.add(found.casefold())
    return found


def _zip_time(when: datetime) -> tuple[int, int, int, int, int, int]:
    return (max(when.year, _EARLIEST_ZIP_YEAR), *when.timetuple()[1:6])
