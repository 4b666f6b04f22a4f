"""Finds the orientation that a decoder turns a picture by: EXIF's, or else XMP's.

It must agree with `worker.images.orientation`, which asks Pillow; a test compares both.
"""

import re
import struct

_ORIENTATION = 0x0112
_INTEGERS = {1: "B", 3: "H", 4: "I"}
_MAX_ENTRIES = 4096
_IN_XMP = re.compile(rb'tiff:Orientation(="|>)([0-9])')
_EXIF = b"Exif\0\0"


def find(exif: bytes | None, xmp: bytes | None = None) -> int:
    """Return the orientation, 1 to 8; 1 if neither says or it makes no sense."""
    value = _of_exif(exif or b"")
    if value is None and (found := _IN_XMP.search(xmp or b"")):
        value = int(found[2])
    return valid(value)


def valid(value: int | None) -> int:
    """Return an orientation as decoders understand it: 1 for what is none."""
    return value if value is not None and 1 <= value <= 8 else 1  # noqa: PLR2004 - EXIF 2.32


def _of_exif(exif: bytes) -> int | None:
    """Return the orientation of the first directory; None if it has none or is damaged."""
    exif = exif.removeprefix(_EXIF)
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(min(count, _MAX_ENTRIES)):
            at = start + 2 + 12 * entry
            tag, kind, number = struct.unpack_from(f"{order}HHI", exif, at)
            if tag == _ORIENTATION and kind in _INTEGERS and number == 1:
                value: int = struct.unpack_from(order + _INTEGERS[kind], exif, at + 8)[0]
                return value
    except struct.error:
        return None
    return None
