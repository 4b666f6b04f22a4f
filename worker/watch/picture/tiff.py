"""The pictures of a TIFF 6.0, a DNG, or a camera RAW that is built on it (NEF, CR2, ARW, PEF, ...).

For each directory that holds a picture: the tags that decide what is seen, and the image data.
Programs that edit metadata write the directories anew and move the data, so no offset counts.
EXIF, GPS, makers' notes, XMP and IPTC do not count, nor does the EXIF thumbnail.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from worker.watch.picture import orientation
from worker.watch.picture.source import DamagedError, Hasher, Source

_LITTLE, _BIG = ("II*\0", "IIRO", "IIRS"), ("MM\0*", "MMOR")
_ORDERS = {head.encode("latin-1"): "<" for head in _LITTLE} | {
    head.encode("latin-1"): ">" for head in _BIG
}
#: Bytes of one value, by TIFF's types.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_ORIENTATION, _SUB_DIRECTORIES = 274, 330
#: (offsets, lengths) of image data: strips, tiles, a JPEG.
_STRIPS, _TILES, _JPEG = (273, 279), (324, 325), (513, 514)
#: Size, samples, compression, colour, palette, strips and tiles, JPEG tables, ICC profile.
_SEEN = frozenset(
    {256, 257, 258, 259, 262, 266, 277, 278, 284, 292, 293, 301, 317, 318, 319, 320, 322, 323}
    | {332, 333, 334, 336, 338, 339, 340, 341, 347, 529, 530, 531, 532, 34675}
    # Of DNG and TIFF/EP: colour filters, levels, crops, matrices, white balance, opcodes.
    | {33421, 33422, *range(50710, 50735), 50738, 50739, 50780, 50829, 50830, 50831, 50833}
    | {50879, *range(50937, 50942), 50964, 50965, 50974, 50975, 50981, 50982, 51008, 51009, 51022}
    | {51041, 51109, 51110, 51125, 52525, 52529}
)
_MAX_DIRECTORIES, _MAX_ENTRIES, _MAX_PARTS = 64, 4096, 1 << 20


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    #: Where its values are.
    offset: int

    @property
    def size(self) -> int:
        return _SIZES.get(self.kind, 0) * self.count


def is_it(head: bytes) -> bool:
    """Return whether a file that begins so is a TIFF; BigTIFF is not."""
    return head[:4] in _ORDERS


def digest(source: Source) -> bytes:
    """Return the digest of a TIFF.

    Raises:
        DamagedError: A directory or its data lies outside the file, or none has a picture.
    """
    head = source.read(0, 8)
    order = _ORDERS[head[:4]]
    hasher, turn, has_picture = Hasher(source, b"tiff" + head[:4]), 1, False
    for number, entries in _directories(source, order, struct.unpack(f"{order}I", head[4:])[0]):
        if number == 0 and _ORIENTATION in entries:
            turn = orientation.valid(_integers(source, order, entries[_ORIENTATION])[0])
        kinds = (_STRIPS, _TILES) if number == 1 else (_STRIPS, _TILES, _JPEG)  # 1: the thumbnail
        ranges = [each for kind in kinds for each in _ranges(source, order, entries, kind)]
        if not ranges:
            continue
        has_picture = True
        for tag in sorted(_SEEN & entries.keys()):
            entry = entries[tag]
            hasher.add(struct.pack(">HHI", tag, entry.kind, entry.count))
            hasher.add_range(entry.offset, entry.size)
        for offset, count in ranges:
            hasher.add_range(offset, count)
    if not has_picture:
        raise DamagedError
    return hasher.finish(turn)


def _directories(
    source: Source, order: str, first: int
) -> Iterator[tuple[int | None, dict[int, _Entry]]]:
    """Yield each directory with its place in the chain; None for one below another."""
    waiting: list[tuple[int | None, int]] = [(0, first)]
    seen: set[int] = set()
    while waiting:
        number, offset = waiting.pop(0)
        if not offset or offset in seen:
            continue
        seen.add(offset)
        if len(seen) > _MAX_DIRECTORIES:
            raise DamagedError
        entries, following = _read_directory(source, order, offset)
        yield number, entries
        if _SUB_DIRECTORIES in entries:
            below = _integers(source, order, entries[_SUB_DIRECTORIES])
            waiting.extend((None, each) for each in below)
        if number is not None:
            waiting.append((number + 1, following))


def _read_directory(source: Source, order: str, offset: int) -> tuple[dict[int, _Entry], int]:
    (count,) = source.unpack(f"{order}H", offset)
    if count > _MAX_ENTRIES:
        raise DamagedError
    body = source.read(offset + 2, 12 * count)
    entries: dict[int, _Entry] = {}
    for number in range(count):
        tag, kind, values, value = struct.unpack_from(f"{order}HHII", body, 12 * number)
        is_inline = _SIZES.get(kind, 0) * values <= struct.calcsize("I")
        at = offset + 2 + 12 * number + 8 if is_inline else value
        entries.setdefault(tag, _Entry(kind, values, at))
    following = source.read_up_to(offset + 2 + 12 * count, 4)
    return entries, struct.unpack(f"{order}I", following)[0] if len(following) == 4 else 0  # noqa: PLR2004


def _ranges(
    source: Source, order: str, entries: dict[int, _Entry], kind: tuple[int, int]
) -> list[tuple[int, int]]:
    """Return offsets and lengths of a directory's image data of one kind."""
    if kind[0] not in entries or kind[1] not in entries:
        return []
    offsets, lengths = (_integers(source, order, entries[tag]) for tag in kind)
    if len(offsets) != len(lengths):
        raise DamagedError
    return list(zip(offsets, lengths, strict=True))


def _integers(source: Source, order: str, entry: _Entry) -> tuple[int, ...]:
    """Return the values of an entry.

    Raises:
        DamagedError: They are no integers, too many, or outside the file.
    """
    letter = {1: "B", 3: "H", 4: "I", 13: "I"}.get(entry.kind)
    if letter is None or not 0 < entry.count <= _MAX_PARTS:
        raise DamagedError
    return source.unpack(f"{order}{entry.count}{letter}", entry.offset)
