"""Reads the size of a WebP picture from its first bytes; `pixels` calls it.

libwebp allocates two canvases before Pillow can say how large they are. Layout:
https://developers.google.com/speed/webp/docs/riff_container.
"""

from typing import BinaryIO

from worker.images.geometry import Size

_HEAD_BYTES = 30
_FOURTEEN_BITS = 0x3FFF


def size_of(file: BinaryIO) -> Size | None:
    """Return width and height; None if the file is no WebP, or is damaged."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if not (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
        return None
    kind, data = head[12:16], head[20:]
    if kind == b"VP8X" and len(data) == _HEAD_BYTES - 20:
        return 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
    if kind == b"VP8L" and data[:1] == b"\x2f":
        bits = int.from_bytes(data[1:5], "little")
        return 1 + (bits & _FOURTEEN_BITS), 1 + (bits >> 14 & _FOURTEEN_BITS)
    if kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(data[at : at + 2], "little") for at in (6, 8))
        return width & _FOURTEEN_BITS, height & _FOURTEEN_BITS
    return None
