"""Opens photos of every common format safely: upright, in sRGB, at the size the model wants.

`worker.tagging` and `worker.evaluation` call `decode`; pages and terminals that show photos call
`thumbnail`. Thread-safe; Pillow and LibRaw release the GIL while they decode.
"""

import io
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.errors import PhotoError
from worker.images import (
    colour,
    decoders,
    geometry,
    memory,
    opening,
    orientation,
    progressive,
    raw,
    truncated,
    webp,
)
from worker.images.geometry import Box, Preprocess, Scaled, Shrunk, Size
from worker.images.memory import Reserve
from worker.images.opening import MIB, AnyPath, Limits

__all__ = ["Decoded", "Limits", "Preprocess", "decode", "shrunk", "thumbnail"]

#: Sees a photo that was shrunk while it was decoded, and the original's width and height.
Look: TypeAlias = Callable[[Shrunk, Size], None]

_FORMAT_NAMES = {"MPO": "jpeg", "HEIF": "heic"}
_JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Decoded:
    """A photo as the model expects it.

    `pixels` is (size, size, 3) uint8 sRGB; `width` and `height` are the original's in pixels,
    upright; `format` is what the content is: "jpeg", "heic", "nef", ...
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int
    format: str
    #: Rows at the end, as stored, that a cut-off file lost and that are made up.
    truncated_rows: int = 0


@dataclass(frozen=True, slots=True)
class _Picture:
    """An opened photo: shrunk while it was decoded, 8-bit sRGB, upright; the original's size."""

    photo: Shrunk
    width: int
    height: int
    format: str
    truncated_rows: int = 0


def decode(
    path: AnyPath,
    preprocess: Preprocess,
    limits: Limits | None = None,
    reserve: Reserve = memory.reserve_nothing,
    look: Look | None = None,
) -> Decoded:
    """Return a photo decoded to the model's square, as by open_clip's transform.

    Args:
        path: The photo.
        preprocess: The square.
        limits: Larger photos are refused.
        reserve: Called with the bytes that decoding will take, once the header is read.
        look: Called with what the square is made of, and the original's width and height.

    Raises:
        PhotoError: The photo cannot be decoded; a sentence that starts with its name says why.
    """
    picture = _open(path, limits or Limits(), reserve, preprocess.scaled)
    if look is not None:
        look(picture.photo, (picture.width, picture.height))
    pixels = np.asarray(geometry.to_square(picture.photo, preprocess))
    return Decoded(pixels, picture.width, picture.height, picture.format, picture.truncated_rows)


def thumbnail(
    path: AnyPath,
    max_side: int,
    limits: Limits | None = None,
    reserve: Reserve = memory.reserve_nothing,
) -> bytes:
    """Return a photo as an sRGB JPEG without metadata, its longer side at most `max_side`.

    Raises:
        PhotoError: The photo cannot be decoded.
    """
    buffer = io.BytesIO()
    small = shrunk(path, lambda size: geometry.fit_inside(size, max_side), limits, reserve)
    small.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def shrunk(
    path: AnyPath,
    fit: Callable[[Size], Scaled],
    limits: Limits | None = None,
    reserve: Reserve = memory.reserve_nothing,
) -> Image.Image:
    """Return a photo as a small sRGB image, upright, without metadata.

    Args:
        path: The photo.
        fit: Returns the wanted width and height for those of the photo, as stored or upright.
        limits: Larger photos are refused.
        reserve: Called with the bytes that decoding will take, once the header is read.

    Raises:
        PhotoError: The photo cannot be decoded.
    """
    picture = _open(path, limits or Limits(), reserve, fit)
    width, height = (max(1, round(side)) for side in fit((picture.width, picture.height)))
    box = picture.photo.box
    return picture.photo.image.resize((width, height), Image.Resampling.BICUBIC, box=box)


def _extension(path: AnyPath) -> str:
    return Path(os.fsdecode(path)).suffix.lower()


def _open(
    path: AnyPath, limits: Limits, reserve: Reserve, scaled: Callable[[Size], Scaled]
) -> _Picture:
    """Open, check, decode and shrink; `scaled` returns the size wanted of the whole photo."""
    with opening.open_photo(path, limits) as file:
        try:
            if raw.is_raw(file, _extension(path)):
                return _open_raw(file, path, limits, reserve, scaled)
            return _open_plain(file, path, limits, reserve, scaled)
        except (*raw.ERRORS, *decoders.DECODER_ERRORS) as error:
            reason = decoders.reason_of(error, file)
            raise PhotoError(f"{opening.name_of(path)}: {reason}") from error


def _open_plain(
    file: BinaryIO,
    path: AnyPath,
    limits: Limits,
    reserve: Reserve,
    scaled: Callable[[Size], Scaled],
) -> _Picture:
    file_bytes = os.fstat(file.fileno()).st_size
    webp_size = webp.size_of(file)
    if webp_size is not None:
        _require_acceptable(webp_size, path, limits)
        _reserve(memory.of_webp(webp_size, file_bytes), path, limits, reserve)
    with decoders.open_image(file, limits.max_pixels) as opened:
        size = opened.size
        _require_acceptable(size, path, limits)
        name = _FORMAT_NAMES.get(opened.format or "", (opened.format or "").lower())
        width, height = (math.ceil(geometry.HEADROOM * side) for side in scaled(size))
        # JPEG by its DCT, HEIF by a thumbnail in it
        drafted = opened.draft(None, (width, height))
        if webp_size is None:
            _reserve(memory.of_image(opened, size, file_bytes), path, limits, reserve)
        image, lost = _load(opened, file, (width, height), limits)
        turn = orientation.orientation_of(image)
        box = drafted[1] if drafted else (0, 0, *image.size)
        photo = _finish(image, box, turn, scaled)
    return _Picture(photo, *orientation.upright_size(size, turn), name, lost)


def _load(
    image: Image.Image, file: BinaryIO, wanted: Size, limits: Limits
) -> tuple[Image.Image, int]:
    """Decode an image; return it, or what there is of a JPEG that is cut off, and its lost rows.

    Raises:
        DECODER_ERRORS: It cannot be decoded, or has lost rows and that is not accepted.
    """
    small = _without_refinements(image, file, wanted, limits)
    if small is not None:
        return small, 0
    try:
        image.load()
    except OSError as error:
        mended = truncated.mend(file, wanted, limits.max_pixels, error)
        if mended.lost_rows and not limits.takes_truncated:
            raise
        return mended.image, mended.lost_rows
    return image, 0


def _without_refinements(
    image: Image.Image, file: BinaryIO, wanted: Size, limits: Limits
) -> Image.Image | None:
    """Decode a progressive JPEG from the scans that its drafted size needs; None: as any other."""
    scale, *_ = getattr(image, "decoderconfig", ()) or (1,)
    if not image.info.get("progressive") or scale == 1:
        return None
    file.seek(0)
    data = progressive.trim(file.read(), scale)
    if data is None:
        return None
    small = decoders.open_image(io.BytesIO(data), limits.max_pixels)
    small.draft(None, wanted)
    try:
        small.load()
    except OSError:
        return None
    return small


def _open_raw(
    file: BinaryIO,
    path: AnyPath,
    limits: Limits,
    reserve: Reserve,
    scaled: Callable[[Size], Scaled],
) -> _Picture:
    with raw.open_raw(file) as container:
        size = raw.size_of(container)
        _require_acceptable(size, path, limits)
        _reserve(memory.of_raw(container), path, limits, reserve)
        min_side = math.ceil(min(scaled(size)))
        image = raw.picture(container, min_side, limits.max_pixels)
    photo = _finish(image, (0, 0, *image.size), 1, scaled)
    return _Picture(photo, *size, raw.format_of(_extension(path)))


def _finish(image: Image.Image, box: Box, turn: int, scaled: Callable[[Size], Scaled]) -> Shrunk:
    """Shrink, then convert colours and turn upright, when few pixels are left."""
    photo = geometry.shrink(colour.to_8_bit(image), box, scaled(image.size))
    plain = orientation.upright(colour.to_srgb(photo.image), turn)
    return Shrunk(plain, orientation.upright_box(photo.box, photo.image.size, turn))


def _reserve(n_bytes: int, path: AnyPath, limits: Limits, reserve: Reserve) -> None:
    if limits.max_memory is not None and n_bytes > limits.max_memory:
        raise PhotoError(
            f"{opening.name_of(path)}: needs {n_bytes / MIB:,.0f} MiB of memory to decode, but all"
            f" decoding has {limits.max_memory / MIB:,.0f} MiB;"
            " raise KADR_DECODE_MEMORY to include it"
        )
    reserve(n_bytes)


def _require_acceptable(size: Size, path: AnyPath, limits: Limits) -> None:
    pixels = size[0] * size[1]
    if pixels > limits.max_pixels:
        megapixels, allowed = pixels / 1e6, limits.max_pixels / 1e6
        raise PhotoError(
            f"{opening.name_of(path)}: {megapixels:,.0f} MP exceed {allowed:,.0f} MP;"
            " raise KADR_MAX_PIXELS to include it"
        )
    if pixels <= 0:
        raise PhotoError(f"{opening.name_of(path)}: has no pixels; restore the file from a backup")
