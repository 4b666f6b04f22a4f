"""Gets a picture from a camera RAW file: the camera's preview, else a quick development.

`pixels` calls it. LibRaw (rawpy) knows the containers; the preview itself is opened like any
other JPEG.
"""

import io
from typing import BinaryIO

import rawpy
from PIL import Image

from worker import extensions
from worker.images import decoders, orientation

#: What LibRaw raises, in addition to Pillow's errors.
ERRORS = (rawpy.LibRawError, rawpy.NotSupportedError)

_MAGIC = (
    b"FUJIFILMCCD-RAW",
    b"IIRO", b"IIRS", b"MMOR",  # Olympus
    b"IIU\0",  # Panasonic
    b"FOVb",  # Sigma
    b"\0MRM",  # Minolta
    b"II\x1a\0\0\0HEAPCCDR",  # Canon CRW
    b"\0\0\0\x18ftypcrx ",  # Canon CR3
)  # fmt: skip
_TIFF_MAGIC = (b"II*\0", b"MM\0*")
_DNG_VERSION = 50706

# LibRaw counts turns as dcraw did; where it differs from EXIF is 5, a quarter turn to the left.
_EXIF_OF_FLIP = {3: 3, 5: 8, 6: 6}


def is_raw(file: BinaryIO, extension: str) -> bool:
    """Return whether a file is RAW, by its content and, for TIFF, its extension.

    NEF, ARW, CR2, DNG and others are TIFF files whose first page is often a small preview.
    """
    file.seek(0)
    head = file.read(16)
    if head.startswith(_MAGIC):
        return True
    if not head.startswith(_TIFF_MAGIC):
        return False
    return extension.lower() in extensions.RAW or head[8:10] == b"CR" or _has_dng_version(file)


def format_of(extension: str) -> str:
    """Return a RAW file's format by its extension ("nef"), or "raw" if that is not known."""
    return extension.lower().lstrip(".") if extension.lower() in extensions.RAW else "raw"


def _has_dng_version(file: BinaryIO) -> bool:
    directory = Image.Exif()
    try:
        file.seek(0)
        directory.load_from_fp(file)
    except decoders.DECODER_ERRORS:
        return False
    return _DNG_VERSION in directory


def size_of(raw: rawpy.RawPy) -> tuple[int, int]:
    """Return width and height of the developed picture, upright, in pixels."""
    sizes = raw.sizes
    sideways = bool(sizes.flip & 4)
    return (sizes.height, sizes.width) if sideways else (sizes.width, sizes.height)


def open_raw(file: BinaryIO) -> rawpy.RawPy:
    """Read a RAW file's header; the caller closes what is returned.

    Raises:
        ERRORS: One of them.
    """
    file.seek(0)
    return rawpy.imread(file)


def picture(raw: rawpy.RawPy, min_side: int, max_pixels: int) -> Image.Image:
    """Return the upright picture: the embedded preview if its short side has `min_side` pixels.

    Otherwise it is developed at half size (four sensor pixels make one, nothing is interpolated).

    Raises:
        ERRORS, DECODER_ERRORS: One of them.
    """
    preview = _preview(raw, min_side, max_pixels)
    if preview is not None:
        return preview
    return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True))


def _preview(raw: rawpy.RawPy, min_side: int, max_pixels: int) -> Image.Image | None:
    try:
        thumbnail = raw.extract_thumb()
        if isinstance(thumbnail.data, bytes):
            image = decoders.open_image(io.BytesIO(thumbnail.data), max_pixels)
            image.load()
            turn = orientation.orientation_of(image)
        else:
            image = Image.fromarray(thumbnail.data)
            turn = _EXIF_OF_FLIP.get(raw.sizes.flip, 1)
    except (*ERRORS, *decoders.DECODER_ERRORS):
        return None
    return None if min(image.size) < min_side else _upright(image, turn, size_of(raw))


def _upright(preview: Image.Image, turn: int, size: tuple[int, int]) -> Image.Image:
    """Return a preview turned upright by its EXIF; LibRaw adds one if the camera wrote none.

    Some cameras store the preview upright and still copy the orientation. Turning it would then
    make a landscape a portrait, which shows in comparison with the sensor's upright `size`.
    """
    turned = orientation.upright_size(preview.size, turn)
    if _is_tall(turned) != _is_tall(size) and _is_tall(preview.size) == _is_tall(size):
        return preview
    return orientation.upright(preview, turn)


def _is_tall(size: tuple[int, int]) -> bool:
    return size[1] > size[0]
