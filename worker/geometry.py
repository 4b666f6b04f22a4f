"""Sizes: how a model wants its square, and how much of a photo must be decoded for it.

Called by `images`; pure arithmetic on sizes, and Pillow's resize.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from PIL import Image

Size: TypeAlias = tuple[int, int]
Scaled: TypeAlias = tuple[float, float]

#: Decode to at least this many times the wanted size; see benchmarks/decode.py for what it costs.
HEADROOM = 2


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a model wants its images.

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
        """Width and height of the whole photo when it has the model's scale."""
        if self.resize_mode == "squash":
            return self.size, self.size
        side = min(size) if self.resize_mode == "shortest" else max(size)
        return self.size * size[0] / side, self.size * size[1] / side


def fit_inside(size: Size, max_side: int) -> Scaled:
    """Width and height of a photo whose longer side is `max_side`."""
    return max_side * size[0] / max(size), max_side * size[1] / max(size)


def reduction(size: Size, wanted: Scaled) -> int:
    """The whole factor a photo can be shrunk by and still have HEADROOM; at least 1."""
    return max(1, min(int(size[i] / (HEADROOM * wanted[i])) for i in (0, 1)))


def to_square(image: Image.Image, preprocess: Preprocess) -> Image.Image:
    """Resize an RGB image to (size, size) exactly as open_clip's transform does.

    Only what stays is computed: a panorama of 1 x 60,000 pixels would otherwise become
    gigabytes before it is cropped.
    """
    size = preprocess.size
    filter_ = Image.Resampling[preprocess.interpolation.upper()]
    if preprocess.resize_mode == "shortest":
        return image.resize((size, size), filter_, box=_centre_box(image.size, size))
    if preprocess.resize_mode == "squash":
        return image.resize((size, size), filter_)
    width, height = (max(1, round(side)) for side in preprocess.scaled(image.size))
    square = Image.new("RGB", (size, size))
    resized = image.resize((width, height), filter_)
    square.paste(resized, ((size - width) // 2, (size - height) // 2))
    return square


def _centre_box(source: Size, size: int) -> tuple[float, float, float, float]:
    """The part of `source` that a centre crop keeps, with torchvision's rounding."""
    scaled = [int(size * side / min(source)) for side in source]
    starts = [round((side - size) / 2.0) for side in scaled]
    left, top = (
        start * whole / side for start, whole, side in zip(starts, source, scaled, strict=True)
    )
    width, height = (size * whole / side for whole, side in zip(source, scaled, strict=True))
    return left, top, min(left + width, source[0]), min(top + height, source[1])
