"""The picture of a GIF (GIF89a): all but its comments and the XMP that Adobe puts into it."""

from worker.watch.picture.source import DamagedError, Hasher, Source

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL, _COMMENT, _APPLICATION = 0xF9, 0xFE, 0xFF
_HAS_TABLE = 0x80
_HEADER, _DESCRIPTOR = 13, 9


def is_it(head: bytes) -> bool:
    """Return whether a file that begins so is a GIF."""
    return head.startswith((b"GIF87a", b"GIF89a"))


def digest(source: Source) -> bytes:
    """Return the digest of a GIF.

    Raises:
        DamagedError: A block lies outside the file, or is of no kind that there is.
    """
    hasher = Hasher(source, b"gif")
    header = source.read(0, _HEADER)
    at = _HEADER + _table_bytes(header[10])
    hasher.add(header[6:])  # not the version: a comment makes 87a a 89a
    hasher.add_range(_HEADER, at - _HEADER)
    while (kind := source.read(at, 1)[0]) != _TRAILER:
        start = at
        if kind == _IMAGE:
            packed = source.read(at + _DESCRIPTOR, 1)[0]
            at = _skip_blocks(source, at + 1 + _DESCRIPTOR + _table_bytes(packed) + 1)
            hasher.add_range(start, at - start)
        elif kind == _EXTENSION:
            label = source.read(at + 1, 1)[0]
            at = _skip_blocks(source, at + 2)
            if label == _CONTROL:
                hasher.add_range(start, at - start)
        else:
            raise DamagedError
    return hasher.finish()


def _table_bytes(packed: int) -> int:
    return 3 * 2 ** ((packed & 7) + 1) if packed & _HAS_TABLE else 0


def _skip_blocks(source: Source, at: int) -> int:
    """Return the offset after the sub-blocks that begin at an offset."""
    while count := source.read(at, 1)[0]:
        at += 1 + count
    return at + 1
