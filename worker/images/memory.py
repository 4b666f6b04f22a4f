"""Estimates the memory that decoding a photo takes, from its header; `pixels` calls it.

The figures are the measured peaks beyond the file itself, rounded up (tests/worker/images/
test_memory.py measures them again). They bound what all decoders take together.
"""

from collections.abc import Callable
from typing import TypeAlias

import rawpy
from PIL import Image

from worker.images.geometry import Size

#: Called with a number of bytes; returns when so much memory may be used.
Reserve: TypeAlias = Callable[[int], None]

#: What a decoder takes whatever the size of the picture.
_LEAST_BYTES = 8 * 1024 * 1024

#: Bytes a pixel of the picture as stored, by Pillow's name of the format.
_DECODER_BYTES = {"HEIF": 6.0, "AVIF": 9.0, "TIFF": 4.0}
#: Formats whose files are read into memory whole.
_READ_WHOLE = ("HEIF", "AVIF")
#: WebP takes this before its header can be read by Pillow: two canvases, and two copies later.
_WEBP_BYTES = 17
#: Bytes a pixel that a progressive JPEG keeps of its coefficients: 2 for each of its channels.
_COEFFICIENT_BYTES = 2.0
#: A progressive file is read whole, and copied without what is not needed (`progressive`).
_COPIES = 2
#: Bytes a pixel of an image of Pillow's, by mode.
_STORED_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
#: Bytes a pixel that `colour.to_8_bit` and shrinking add, by mode.
_NARROWED_BYTES = {"F": 11, "I": 11, "RGBA": 4, "LA": 4, "La": 4, "RGBa": 4, "1": 1}
_NARROWED_BYTES |= dict.fromkeys(("P", "PA", "YCbCr", "HSV"), 4)
_NARROWED_BYTES |= dict.fromkeys(("I;16", "I;16B", "I;16L", "I;16N"), 5)
#: The same where a colour is transparent that is no channel.
_TRANSPARENT_BYTES = {"P": 4, "L": 8, "RGB": 8, "1": 8}


def reserve_nothing(_n_bytes: int) -> None:
    """Let any photo take what it takes."""


def of_webp(size: Size, file_bytes: int) -> int:
    """Return the bytes that opening and decoding a WebP file of this size in pixels will take."""
    return _WEBP_BYTES * size[0] * size[1] + file_bytes + _LEAST_BYTES


def of_image(image: Image.Image, size: Size, file_bytes: int) -> int:
    """Return the bytes that an opened, undecoded image will take.

    Args:
        image: The image after `draft`, which may have made it smaller.
        size: Its width and height before.
        file_bytes: Size of its file.
    """
    stored, drafted = size[0] * size[1], image.size[0] * image.size[1]
    each = float(_STORED_BYTES.get(image.mode, 4) + _NARROWED_BYTES.get(image.mode, 0))
    if image.has_transparency_data:
        each += _TRANSPARENT_BYTES.get(image.mode, 0)
    total = each * drafted + _DECODER_BYTES.get(image.format or "", 0.0) * stored
    if image.info.get("progressive"):
        total += _COEFFICIENT_BYTES * len(image.getbands()) * stored + _COPIES * file_bytes
    if image.format in _READ_WHOLE:
        total += file_bytes
    return int(total) + _LEAST_BYTES


def of_raw(container: rawpy.RawPy) -> int:
    """Return the bytes that developing a RAW file will take: 2 a sensor pixel, 12 for its picture.

    A preview of full size, which is a JPEG inside the file, takes less.
    """
    sizes = container.sizes
    return 14 * sizes.raw_width * sizes.raw_height + _LEAST_BYTES
