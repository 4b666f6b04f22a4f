"""Sets Pillow up for strangers' files and puts what decoders raise into one sentence.

Called by `images`, `raw` and `metadata`; knows no file names.
"""

import ctypes
import struct
import warnings
import zlib
from functools import cache
from typing import BinaryIO

import pillow_heif
from PIL import Image, UnidentifiedImageError, _imaging

#: The formats Pillow may open here, by its names; EPS, which starts Ghostscript, is not among them.
PILLOW_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "HEIF", "AVIF")

#: What Pillow's plugins raise on damaged or hostile files; found by fuzzing, not documented.
DECODER_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    AssertionError,
    SyntaxError,
    RuntimeError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)

_MAGIC = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG": "png",
    b"RIFF": "webp",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"\0\0\0": "heif or avif",
}


def open_image(file: BinaryIO, max_pixels: int) -> Image.Image:
    """Read the header of an image that Pillow knows; its pixels stay undecoded.

    Raises one of `DECODER_ERRORS`; `reason_of` makes a sentence of it.
    """
    _prepare_pillow(max_pixels)
    file.seek(0)
    return Image.open(file, formats=PILLOW_FORMATS)


def reason_of(error: BaseException, file: BinaryIO) -> str:
    """Say why this file could not be decoded, and what to do; no name, no trailing full stop."""
    text = str(error).lower()
    if isinstance(error, UnidentifiedImageError):
        kind = _kind_of(file)
        if kind is None:
            return "is not an image of a kind Kadr reads; convert it to JPEG, or leave it out"
        return f"a damaged {kind} header; restore the file from a backup"
    if "truncated" in text or "unexpected end" in text:
        return "truncated, the file ends before its picture does; copy it here again"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it; free some, or lower KADR_MAX_PIXELS"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "more pixels than KADR_MAX_PIXELS allows; raise it to include the file"
    detail = " ".join(_text_of(error).split())[:120] or type(error).__name__
    return f"damaged ({detail}); restore the file from a backup"


def _text_of(error: BaseException) -> str:
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(error)


def _kind_of(file: BinaryIO) -> str | None:
    file.seek(0)
    head = file.read(8)
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


def _prepare_pillow(max_pixels: int) -> None:
    """Make HEIF known, decompression bombs errors, and damaged files quiet.

    Filters are global and applied each time, since applications (and pytest) reset them;
    `catch_warnings` is no way out, it is not safe in threads.
    """
    _register_decoders()
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, max_pixels)
    known = {(action, category) for action, _, category, _, _ in warnings.filters}
    if ("ignore", UserWarning) not in known:
        warnings.filterwarnings("ignore", category=UserWarning, module=r"(PIL|pillow_heif)\.")
    if ("error", Image.DecompressionBombWarning) not in known:
        warnings.simplefilter("error", Image.DecompressionBombWarning)


@cache
def _register_decoders() -> None:
    pillow_heif.register_heif_opener()
    _silence_libtiff()


def _silence_libtiff() -> None:
    """Keep libtiff from writing to the terminal; what matters reaches Python as an exception."""
    library = ctypes.CDLL(_imaging.__file__)  # finds the libtiff that Pillow itself is linked to
    for setter in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        function = getattr(library, setter, None)  # not visible where Pillow links it statically
        if function is not None:
            function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
            function(None)
