"""Finds camera and date in Canon's CRW files, whose container is CIFF and not TIFF.

`raw_exif` calls it. A *heap* ends with the offset of its directory; entries are 10 bytes: type,
size, offset in the heap. Layout: exiftool's CanonRaw.pm and Phil Harvey's "The Canon RAW (CRW) File
Format".
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from PIL import ExifTags, Image

MAGIC = b"HEAPCCDR"
#: The magic stands behind the byte order, always little-endian, and the offset of the first heap.
MAGIC_AT = 6

_ENTRY_BYTES = 10
#: Of an entry's type: where its value lies (0: in the heap), and its kind and number.
_PLACE, _TAG = 0xC000, 0x3FFF
#: Kinds of entries that are heaps themselves.
_KIND, _HEAPS = 0x3800, (0x2800, 0x3000)
_MAKE_AND_MODEL, _TIME = 0x080A, 0x180E
#: Cameras write four levels and some dozen entries.
_MAX_DEPTH, _MAX_ENTRIES, _MAX_VALUE_BYTES = 5, 512, 256


def read(file: BinaryIO) -> Image.Exif:
    """Return camera and date as EXIF; empty where a file has neither.

    Raises:
        OSError, struct.error: The file is damaged.
    """
    (start,) = struct.unpack("<I", _read_at(file, 2, 4))
    exif = Image.Exif()
    for tag, value in _values(file, start, file.seek(0, 2), 0):
        if tag == _MAKE_AND_MODEL:
            make, _, model = value.partition(b"\0")
            exif[ExifTags.Base.Make] = _text(make)
            exif[ExifTags.Base.Model] = _text(model.partition(b"\0")[0])
        elif tag == _TIME and len(value) >= 4:  # noqa: PLR2004 - seconds of 32 bits
            # The camera's wall clock, counted as if it showed UTC
            taken = datetime.fromtimestamp(struct.unpack("<I", value[:4])[0], UTC)
            dates = {ExifTags.Base.DateTimeOriginal.value: f"{taken:%Y:%m:%d %H:%M:%S}"}
            exif._ifds[ExifTags.IFD.Exif] = dates  # noqa: SLF001 - as Pillow's own readers do
    return exif


def _values(file: BinaryIO, start: int, end: int, depth: int) -> Iterator[tuple[int, bytes]]:
    """Yield number and value of the entries of a heap, from byte `start` to `end` of a file."""
    (offset,) = struct.unpack("<I", _read_at(file, end - 4, 4))
    (count,) = struct.unpack("<H", _read_at(file, start + offset, 2))
    taken = min(count, _MAX_ENTRIES)
    entries = _read_at(file, start + offset + 2, taken * _ENTRY_BYTES)
    for kind, size, place in struct.iter_unpack("<HII", entries):
        if kind & _PLACE:  # 8 bytes in the entry itself, where neither of ours ever is
            continue
        if kind & _KIND in _HEAPS:
            if depth < _MAX_DEPTH and size < end - start:
                yield from _values(file, start + place, start + place + size, depth + 1)
        else:
            yield kind & _TAG, _read_at(file, start + place, min(size, _MAX_VALUE_BYTES))


def _read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _text(raw: bytes) -> str:
    return raw.decode("latin-1").strip()
