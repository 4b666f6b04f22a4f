"""The picture of a JPEG (ITU T.81): its tables, frames and scans, its colour, its orientation.

Of the application segments only those count that a decoder heeds: that there is a JFIF header, an
ICC profile, Adobe's transform. EXIF, XMP, IPTC, comments, content credentials and thumbnails do
not. What follows the end of the image does not either: second pictures of MPF, gain maps, films of
motion photos. Kadr shows none of it, and programs that edit metadata move it or drop it.
"""

import re

from worker.watch.picture import orientation
from worker.watch.picture.source import BLOCK, DamagedError, Hasher, Source

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP1, _APP2, _APP14, _APP15, _COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
#: Of `TEM` and the restart markers nothing follows.
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
#: A marker that ends a scan: not a stuffed byte, a restart marker or a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_ICC, _EXIF, _JFIF, _ADOBE = b"ICC_PROFILE\0", b"Exif\0\0", b"JFIF\0", b"Adobe"
_MAX_EXIF = 1 << 22


def is_it(head: bytes) -> bool:
    """Return whether a file that begins so is a JPEG."""
    return head.startswith(b"\xff\xd8\xff")


def digest(source: Source, start: int = 0) -> bytes:
    """Return the digest of the JPEG that begins at an offset.

    A file that ends within a scan has one too, of what is left: its pixels are as definite.

    Raises:
        DamagedError: It is no JPEG, or ends before its first scan.
    """
    hasher = Hasher(source, b"jpeg")
    exif, xmp, has_scan = b"", b"", False
    at = start + len(b"\xff\xd8")
    while (marker_at := _find_marker(source, at)) is not None:
        at, marker = marker_at
        if marker in _ALONE:
            continue
        if marker == _EOI:
            break
        if marker == _SOI:
            raise DamagedError
        (length,) = source.unpack(">H", at)
        body = source.read(at + 2, length - 2)
        at += length
        if marker == _APP1 and body.startswith(_EXIF):
            exif = (exif + body[len(_EXIF) :])[:_MAX_EXIF]
        elif marker == _APP1 and body.startswith(_XMP):
            xmp = body[len(_XMP) :]
        elif is_part := _seen(marker, body):
            hasher.add(bytes([marker]), is_part)
        if marker == _SOS:
            has_scan, scan_at = True, at
            at = _add_scan(source, hasher, at)
            hasher.add(b"%d" % (at - scan_at))
    if not has_scan:
        raise DamagedError
    return hasher.finish(orientation.find(exif, xmp))


def _seen(marker: int, body: bytes) -> bytes:
    """Return the part of a segment that decides what is seen; empty if none does."""
    if marker == _APP0 and body.startswith(_JFIF):
        return _JFIF  # its density and thumbnail change no pixel
    if marker == _APP2 and body.startswith(_ICC):
        return body
    if marker == _APP14 and body.startswith(_ADOBE):
        return body
    return b"" if _APP0 <= marker <= _APP15 or marker == _COM else body


def _find_marker(source: Source, at: int) -> tuple[int, int] | None:
    """Return the offset after the next marker and the marker; None at the end of the file.

    Raises:
        DamagedError: Something else is there.
    """
    while data := source.read_up_to(at, 2):
        if data[0] != 0xFF:  # noqa: PLR2004 - every marker begins so
            raise DamagedError
        if len(data) == 1:
            return None
        if data[1] != 0xFF:  # noqa: PLR2004 - a fill byte
            return at + 2, data[1]
        at += 1
    return None


def _add_scan(source: Source, hasher: Hasher, at: int) -> int:
    """Hash the entropy-coded data that begins at an offset; return the offset of its end."""
    while at < source.size:
        block = source.read_up_to(at, BLOCK)
        end = _end_of_scan(block)
        hasher.add_data(block[:end])
        if end < len(block) - 1 or end == 0:
            return at + end
        at += end
    return at


def _end_of_scan(block: bytes) -> int:
    """Return where a marker begins that ends the scan, or perhaps one that the block cuts off."""
    if found := _MARKER.search(block):
        return found.start()
    return len(block) - block.endswith(b"\xff")
