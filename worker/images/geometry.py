"""Computes sizes: the square that a model expects, and how much of a photo it takes to make it.

`pixels` calls it. It only does arithmetic on sizes and boxes, and Pillow's resize.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from PIL import Image

Size: TypeAlias = tuple[int, int]
Scaled: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]

#: Decode to at least this many times the wanted size. With 3, camera JPEGs took up to twice as
#: long, and their embeddings came no nearer to those of a full decode than what bfloat16 costs;
#: with 1.5 some lost more than that (benchmarks/decode.py).
HEADROOM: float = 2


@dataclass(frozen=True, slots=True)
class Preprocess:
    """The images that a model expects.

    `size` is the square's side in pixels; `mean` and `std` are per channel for values in 0..1,
    applied on the device by `clip`, not here. `resize_mode` is open_clip's: the shortest side
    fits and the rest is cut off, the longest fits and the rest is black, or both are squashed.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    resize_mode: Literal["shortest", "longest", "squash"] = "shortest"

    def scaled(self, size: Size) -> Scaled:
        """Return the whole photo's width and height at the model's scale."""
        if self.resize_mode == "squash":
            return self.size, self.size
        side = min(size) if self.resize_mode == "shortest" else max(size)
        return self.size * size[0] / side, self.size * size[1] / side


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A photo shrunk by a whole factor while it was decoded.

    `box` (left, top, right, bottom) is where in `image` the photo lies: 2809 pixels shrunk by 8
    are 351.125, and the last row is only an eighth photo. Without it everything shifts by half
    a pixel, which cost more accuracy than the shrinking (benchmarks/decode.py).
    """

    image: Image.Image
    box: Box


def fit_inside(size: Size, max_side: int) -> Scaled:
    """Return a photo's width and height, scaled so that no side exceeds `max_side`."""
    factor = min(1.0, max_side / max(size))
    return factor * size[0], factor * size[1]


def shrink(image: Image.Image, box: Box, wanted: Scaled) -> Shrunk:
    """Average blocks of pixels, the largest that leave HEADROOM times the wanted size."""
    sides = box[2] - box[0], box[3] - box[1]
    factor = int(min(side / (HEADROOM * want) for side, want in zip(sides, wanted, strict=True)))
    if factor <= 1:
        return Shrunk(image, box)
    left, top, right, bottom = (edge / factor for edge in box)
    return Shrunk(image.reduce(factor), (left, top, right, bottom))


def to_square(photo: Shrunk, preprocess: Preprocess) -> Image.Image:
    """Resize an RGB photo to (size, size) as open_clip's transform does.

    Only the part that is kept is computed: a panorama of 1 x 60,000 pixels would otherwise become
    gigabytes before it is cropped.
    """
    size = preprocess.size
    filter_ = Image.Resampling[preprocess.interpolation.upper()]
    if preprocess.resize_mode == "shortest":
        return photo.image.resize((size, size), filter_, box=_centre_box(photo.box, size))
    if preprocess.resize_mode == "squash":
        return photo.image.resize((size, size), filter_, box=photo.box)
    sides = photo.box[2] - photo.box[0], photo.box[3] - photo.box[1]
    width, height = (max(1, round(size * side / max(sides))) for side in sides)
    square = Image.new("RGB", (size, size))
    resized = photo.image.resize((width, height), filter_, box=photo.box)
    square.paste(resized, ((size - width) // 2, (size - height) // 2))
    return square


def _centre_box(box: Box, size: int) -> Box:
    """Return the part of `box` that a centre crop keeps, with torchvision's rounding."""
    (left, width), (top, height) = (box[0], box[2] - box[0]), (box[1], box[3] - box[1])
    short = min(width, height)
    x0, x1 = _centre(width, int(size * width / short), size)
    y0, y1 = _centre(height, int(size * height / short), size)
    return left + x0, top + y0, left + x1, top + y1


def _centre(side: float, scaled: int, size: int) -> tuple[float, float]:
    start = round((scaled - size) / 2.0)
    return start * side / scaled, min((start + size) * side / scaled, side)
