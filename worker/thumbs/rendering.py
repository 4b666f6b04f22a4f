"""Makes a small picture of a photo, as bytes that a browser shows.

`worker.serving` has a decoding process call it; nothing of the photo's metadata gets into the
picture.
"""

import io
from typing import TYPE_CHECKING

import thumbhash
from PIL import Image

from worker import images
from worker.images import Limits, Reserve
from worker.images.opening import AnyPath

if TYPE_CHECKING:  # what else that module imports would cost each decoding process a second
    from catalog.web.services import ThumbFormat, ThumbSize

#: The longer side of a preview; other sizes are heights.
PREVIEW = 1600
#: A picture of a row is at most so many times as wide as it is high, and no side of any exceeds
#: WebP's limit: a panorama of 60,000 x 1,000 pixels is made smaller instead.
_MAX_RATIO, _MAX_SIDE = 8, 16_383
_QUALITY = 75
#: libwebp's effort, 0 to 6: 1 takes half the time of 4 and makes files a tenth larger.
_EFFORT = 1
_HASHED_SIDE = 24


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
    content = encode(images.shrunk(path, lambda whole: fit(whole, size), limits, reserve), form)
    return content, hash_of(content)


def hash_of(content: bytes) -> bytes:
    """Return the thumbhash of a small picture: at most 33 bytes that look like it.

    The picture is shrunk first, because the package computes in Python: 10 ms for 24 pixels a side.
    """
    image = Image.open(io.BytesIO(content)).convert("RGBA")
    image.thumbnail((_HASHED_SIDE, _HASHED_SIDE))
    return bytes(thumbhash.rgba_to_thumb_hash(image.width, image.height, list(image.tobytes())))


def encode(image: Image.Image, form: "ThumbFormat") -> bytes:
    """Return an RGB image in a format that browsers show."""
    buffer = io.BytesIO()
    if form == "webp":
        image.save(buffer, "WEBP", quality=_QUALITY, method=_EFFORT)
    else:
        image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
