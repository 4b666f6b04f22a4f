"""The picture of a WebP (RFC 9649): its bitstreams, alpha, colour profile, frames."""

from worker.watch.picture import orientation
from worker.watch.picture.source import Hasher, Source

_SEEN = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"ANIM", b"ANMF"})
_HEADER = 12


def is_it(head: bytes) -> bool:
    """Return whether a file that begins so is a WebP."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def digest(source: Source) -> bytes:
    """Return the digest of a WebP.

    The header of extended files does not count: a program adds it with the first metadata.

    Raises:
        DamagedError: A chunk lies outside the file.
    """
    hasher = Hasher(source, b"webp")
    metadata: dict[bytes, bytes] = {}
    (length,) = source.unpack("<I", 4)
    at, end = _HEADER, 8 + length
    while at + 8 <= end:
        name = source.read(at, 4)
        (count,) = source.unpack("<I", at + 4)
        if name in _SEEN:
            hasher.add(name)
            hasher.add_range(at + 8, count)
        elif name in {b"EXIF", b"XMP "}:
            metadata[name] = source.read(at + 8, count)
        at += 8 + count + count % 2
    return hasher.finish(orientation.find(metadata.get(b"EXIF"), metadata.get(b"XMP ")))
