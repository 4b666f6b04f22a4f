"""Configures Pillow for untrusted files; turns decoder exceptions into one-sentence reasons.

`pixels`, `raw` and `embedded` call it; it never sees a file's name.
"""

import ctypes
import re
import struct
import warnings
import zlib
from functools import cache
from typing import BinaryIO, Literal

import pillow_heif
import rawpy
from PIL import AvifImagePlugin, Image, UnidentifiedImageError, _imaging

from catalog import paths
from worker.images import png

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

_SAVE_ELSEWHERE = "save it as 8-bit JPEG or PNG with another program"
#: A JPEG's frame header lies behind its metadata.
_HEAD_BYTES = 256 * 1024

_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"RIFF": "WebP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"GIF8": "GIF",
    b"BM": "BMP",
}
_BOXES = {b"ftypavi": "AVIF", b"ftyphei": "HEIF", b"ftyphev": "HEIF", b"ftypmif": "HEIF"}

# Warnings of plugins are of no use: the file is read, or the reason why not is stored.
_FILTERS: tuple[tuple[Literal["ignore", "error"], type[Warning], str], ...] = (
    ("ignore", UserWarning, r"(PIL|pillow_heif)\."),
    ("error", Image.DecompressionBombWarning, ""),
)


def open_image(file: BinaryIO, max_pixels: int) -> Image.Image:
    """Read the header of an image that Pillow knows; its pixels stay undecoded.

    Raises:
        DECODER_ERRORS: One of them; `reason_of` turns it into a sentence.
    """
    _prepare_pillow(max_pixels)
    file.seek(0)
    return Image.open(file, formats=PILLOW_FORMATS)


def reason_of(error: BaseException, file: BinaryIO) -> str:
    """Return why a file could not be decoded and what to do, without its name and a full stop."""
    text = str(error).lower()
    if isinstance(error, UnidentifiedImageError):
        return _unidentified(file)
    if isinstance(error, rawpy.LibRawFileUnsupportedError | rawpy.NotSupportedError):
        return "a camera RAW of a kind that LibRaw does not know; convert it to DNG or JPEG"
    if "truncated" in text or "unexpected end" in text:
        advice = ", or set KADR_TRUNCATED=tag" if _kind_of(file) == "JPEG" else ""
        return f"truncated, the file ends before its picture does; copy it here again{advice}"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it; free some, or lower KADR_MAX_PIXELS"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "more pixels than KADR_MAX_PIXELS allows; raise it to include the file"
    return _refused_by_decoder(error)


def _refused_by_decoder(error: BaseException) -> str:
    detail = paths.printable(" ".join(_text_of(error).split()))[:120] or type(error).__name__
    if "unsupported" in detail.lower() or "not supported" in detail.lower():
        return f"of a kind that Kadr cannot decode ({detail}); {_SAVE_ELSEWHERE}"
    return f"damaged ({detail}); restore the file from a backup"


def _text_of(error: BaseException) -> str:
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(error)


def _unidentified(file: BinaryIO) -> str:
    unsupported = _unsupported_kind_of(file)
    if unsupported is not None:
        return f"{unsupported}, which Kadr cannot decode; {_SAVE_ELSEWHERE}"
    kind = _kind_of(file)
    if kind is None:
        return "no image of a kind Kadr reads; convert it to JPEG, or leave it out"
    if kind in _BOXES.values():  # libavif and libheif refuse what old writers got wrong
        return f"a damaged {kind} header, or one against the standard; save it as JPEG elsewhere"
    return f"a damaged {kind} header; restore the file from a backup"


def _unsupported_kind_of(file: BinaryIO) -> str | None:
    """Return what a file is that other programs show and Pillow does not."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if head.startswith(b"MM\0+"):
        return "a big-endian BigTIFF"
    frame = re.search(
        rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]\0[\x08-\xff](.)", head, re.DOTALL
    )
    if head.startswith(b"\xff\xd8\xff") and frame is not None and frame[1] != b"\x08":
        return f"a JPEG of {frame[1][0]} bits"
    return None


def _kind_of(file: BinaryIO) -> str | None:
    file.seek(0)
    head = file.read(16)
    known = [(magic, kind, 0) for magic, kind in _MAGIC.items()]
    known += [(magic, kind, 4) for magic, kind in _BOXES.items()]
    return next((kind for magic, kind, at in known if head.startswith(magic, at)), None)


def prepare() -> None:
    """Import and register what the first photo would import and register."""
    Image.init()
    _register_decoders()


def use_one_thread() -> None:
    """Have codecs that start threads use one: other processes decode at the same time."""
    pillow_heif.options.DECODE_THREADS = 1
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def _prepare_pillow(max_pixels: int) -> None:
    """Register HEIF, turn decompression bombs into errors, silence warnings of damaged files.

    Filters are global and applied each time, since applications (and pytest) reset them;
    `catch_warnings` cannot be used, since it is not thread-safe.
    """
    _register_decoders()
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, max_pixels)
    known = {
        (action, category, getattr(module, "pattern", ""))
        for action, _, category, module, _ in warnings.filters
    }
    for action, category, module in _FILTERS:
        if (action, category, module) not in known:
            warnings.filterwarnings(action, category=category, module=module)


@cache
def _register_decoders() -> None:
    pillow_heif.register_heif_opener()
    png.install()
    _silence_libtiff()


def _silence_libtiff() -> None:
    """Keep libtiff from writing to the terminal; what matters reaches Python as an exception."""
    library = ctypes.CDLL(_imaging.__file__)  # finds the libtiff that Pillow itself is linked to
    for setter in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        function = getattr(library, setter, None)  # not visible where Pillow links it statically
        if function is not None:
            function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
            function(None)
