"""Makes a small picture of a photo, as bytes that a browser shows.

`worker.serving` has a decoding process call it; nothing of the photo's metadata gets into the
picture.
"""

import io
from functools import partial
from typing import TYPE_CHECKING

import thumbhash
from PIL import Image

from worker import images
from worker.decoding import jobs
from worker.decoding.jobs import Opened
from worker.images import Limits, Preprocess, Reserve
from worker.images.geometry import Shrunk, Size
from worker.images.opening import AnyPath

if TYPE_CHECKING:  # what else that module imports would cost each decoding process a second
    from catalog.web.services import ThumbFormat, ThumbSize

#: The longer side of a preview; other sizes are heights.
PREVIEW = 1600
#: The size that is made while photos are tagged; smaller ones are made from it.
GRID: "ThumbSize" = 360
#: A picture of a row is at most so many times as wide as it is high, and no side of any exceeds
#: WebP's limit: a panorama of 60,000 x 1,000 pixels is made smaller instead.
_MAX_RATIO, _MAX_SIDE = 8, 16_383
_QUALITY = 75
#: libwebp's effort, 0 to 6: 1 takes half the time of 4 and makes files a tenth larger.
_EFFORT = 1
#: More pixels a side change a thumbhash in its last digits alone; 24 take twice as long.
_HASHED_SIDE = 16
#: Of fewer pixels a picture takes as long while tagging (15 ms) as when it is asked for (11 to 16
#: ms at 640 x 480), so those that nobody looks at cost nothing. Of 24 megapixels it takes 90 to 160
#: ms when it is asked for.
_LEAST_PIXELS = 1_000_000
#: Blocks of pixels are averaged down to so many times the size that is made beside the square,
#: which is less work than resizing all pixels.
_GAP = 1.2


def fit(size: tuple[int, int], wanted: "ThumbSize") -> tuple[float, float]:
    """Return the width and height of the small picture of an upright photo."""
    width, height = size
    if wanted == PREVIEW:
        factor = min(1.0, PREVIEW / max(size))
    else:
        factor = min(1.0, wanted / height, _MAX_RATIO * wanted / width)
    factor = min(factor, _MAX_SIDE / max(size))
    return width * factor, height * factor


def render(
    path: AnyPath, size: "ThumbSize", form: "ThumbFormat", limits: Limits, reserve: Reserve
) -> tuple[bytes, bytes]:
    """Return a small picture of a photo and its thumbhash; a job of `worker.decoding`.

    Raises:
        PhotoError: The photo cannot be decoded.
    """
    image = images.shrunk(path, lambda whole: fit(whole, size), limits, reserve)
    return encode(image, form), hash_of(image)


def open_photo(
    path: AnyPath, wanted: Preprocess, limits: Limits, reserve: Reserve
) -> tuple[Opened, tuple[bytes, bytes] | None]:
    """Open a photo to be tagged, and make its small picture from the same pixels.

    A job of `worker.decoding`.

    Returns:
        The photo; a WebP of the size `GRID` and the thumbhash, or None where it is as quickly made
        later, the pixels are too few for it, or it cannot be made. That never costs the photo.
    """
    made: list[tuple[bytes, bytes]] = []
    opened = jobs.open_photo(path, wanted, limits, reserve, partial(_render_beside, made))
    return opened, made[0] if made else None


def _render_beside(made: list[tuple[bytes, bytes]], photo: Shrunk, size: Size) -> None:
    if size[0] * size[1] < _LEAST_PIXELS:
        return
    width, height = (max(1, round(side)) for side in fit(size, GRID))
    left, top, right, bottom = photo.box
    if right - left < width or bottom - top < height:  # made when it is asked for
        return
    try:
        wanted = width, height
        image = photo.image.resize(wanted, Image.Resampling.BICUBIC, photo.box, reducing_gap=_GAP)
        made.append((encode(image, "webp"), hash_of(image)))
    except Exception:  # noqa: BLE001 - the photo is tagged whatever happens to its small picture
        made.clear()


def hash_of(image: Image.Image) -> bytes:
    """Return the thumbhash of a small picture: at most 33 bytes that look like it.

    The picture is shrunk first, because the package computes in Python.
    """
    small = image.convert("RGBA")
    small.thumbnail((_HASHED_SIDE, _HASHED_SIDE))
    return bytes(thumbhash.rgba_to_thumb_hash(small.width, small.height, list(small.tobytes())))


def encode(image: Image.Image, form: "ThumbFormat") -> bytes:
    """Return an RGB image in a format that browsers show."""
    buffer = io.BytesIO()
    if form == "webp":
        image.save(buffer, "WEBP", quality=_QUALITY, method=_EFFORT)
    else:
        image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
