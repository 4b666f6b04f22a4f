"""Turns photos upright by their EXIF orientation (EXIF 2.32, tag 0x0112).

`pixels` and `raw` call it.
"""

from PIL import ExifTags, Image

from worker.images import decoders
from worker.images.geometry import Box

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FIRST_SIDEWAYS = 5
_MIRRORED_SIDEWAYS, _MIRRORED_UPSIDE_DOWN = {2, 3, 6, 7}, {3, 4, 7, 8}


def orientation_of(image: Image.Image) -> int:
    """Return an image's orientation, 1 to 8; 1 if it is absent or cannot be read.

    Call this after `load`: Pillow turns TIFF files itself while it loads them, and PNG may keep its
    EXIF behind the pixels.
    """
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except decoders.DECODER_ERRORS:
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image that is stored with this orientation, turned upright."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def upright_box(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """Return where `box`, in an image of `size` (as stored), lies after `upright`."""
    left, top, right, bottom = box
    if orientation >= _FIRST_SIDEWAYS:  # transposed, then perhaps mirrored
        left, top, right, bottom = top, left, bottom, right
    width, height = upright_size(size, orientation)
    if orientation in _MIRRORED_SIDEWAYS:
        left, right = width - right, width - left
    if orientation in _MIRRORED_UPSIDE_DOWN:
        top, bottom = height - bottom, height - top
    return left, top, right, bottom


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return the upright width and height of an image stored with this orientation."""
    return (size[1], size[0]) if orientation >= _FIRST_SIDEWAYS else size
