"""Reads JPEG files that end before their end marker, and tells how many rows they lost.

`pixels` calls it where the plain way failed. libjpeg invents what is missing, and says so only in
a warning that Pillow drops. So the file is decoded twice, with two different ends: rows that come
out alike are the file's own, and where they differ, it had none. Of a progressive file every scan
must have begun; otherwise it is all rows that lack something.
"""

import io
import random
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image

from worker.images import decoders
from worker.images.geometry import Size

_END = b"\xff\xd9"
_SCAN, _PROGRESSIVE = b"\xff\xda", b"\xff\xc2"
#: Bytes of entropy-coded noise: more than the blocks of any row of MCUs take.
_NOISE_BYTES = 1 << 20
_LAST_COEFFICIENT = 63


@dataclass(frozen=True, slots=True)
class Mended:
    """What could be read of a file that is cut off."""

    #: Decoded at the size that `draft` chose, as of the file itself.
    image: Image.Image
    #: Rows at the end, as stored, that the file lost; 0 if only its end marker is missing.
    lost_rows: int


def mend(file: BinaryIO, wanted: Size, max_pixels: int, error: OSError) -> Mended:
    """Decode what there is of a JPEG that ends too soon.

    Args:
        file: The file, which Pillow could not decode to its end.
        wanted: The least width and height that its picture is wanted in.
        max_pixels: Larger pictures are refused.
        error: What Pillow said.

    Raises:
        OSError: `error`, if it is of another kind or the file of another format.
        DECODER_ERRORS: One of them, if nothing of it can be decoded.
    """
    file.seek(0)
    data = file.read()
    if "truncated" not in str(error).lower() or not data.startswith(b"\xff\xd8"):
        raise error
    image, height = _decode(data + _END, wanted, max_pixels)
    if not _has_begun_every_scan(data):
        return Mended(image, height)
    other, _ = _decode(data + _noise() + _END, wanted, max_pixels)
    is_other = np.asarray(image) != np.asarray(other)
    differing = np.flatnonzero(is_other.reshape(image.height, -1).any(axis=1))
    whole = int(differing[0]) if differing.size else image.height
    return Mended(image, round((image.height - whole) * height / image.height))


def _decode(data: bytes, wanted: Size, max_pixels: int) -> tuple[Image.Image, int]:
    """Return the decoded image, and its height as stored."""
    image = decoders.open_image(io.BytesIO(data), max_pixels)
    height = image.height
    image.draft(None, wanted)
    image.load()
    return image, height


def _noise() -> bytes:
    """Return bytes that mean something to a Huffman decoder and hold no marker."""
    return random.Random(1).randbytes(_NOISE_BYTES).replace(b"\xff", b"\x5a")


def _has_begun_every_scan(data: bytes) -> bool:
    """Return whether a progressive file has come to the last scan of each coefficient."""
    start = data.rfind(_PROGRESSIVE)
    if start < 0:
        return True
    components = set(data[start + 10 : start + 10 + 3 * data[start + 9] : 3])
    lacking = {(component, kind) for component in components for kind in ("dc", "ac")}
    at = data.find(_SCAN, start)
    while at >= 0:
        count = data[at + 4] if at + 4 < len(data) else 0
        named = data[at + 5 : at + 5 + 2 * count : 2]
        first, last, approximation = (*data[at + 5 + 2 * count : at + 8 + 2 * count], 0, 0, 1)[:3]
        if approximation & 15 == 0:
            kinds = {"dc"} if first == 0 else set()
            kinds |= {"ac"} if last == _LAST_COEFFICIENT else set()
            lacking -= {(component, kind) for component in named for kind in kinds}
        at = data.find(_SCAN, at + 2)
    return not lacking
