"""Converts an image of any Pillow mode to 8-bit sRGB: ICC, CMYK, 16-bit, float, transparency.

`pixels` calls it with images that are already decoded; it raises no errors of its own.
"""

import io

import numpy as np
from PIL import Image, ImageCms

_WIDE_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_WHITE = (255, 255, 255, 255)
_SIXTEEN_BIT_MAX = 65535


def to_8_bit(image: Image.Image) -> Image.Image:
    """Return the image in a mode that Pillow can shrink: L, LA, RGB, RGBA, CMYK or LAB.

    The ICC profile in its `info` is kept.
    """
    if image.mode in _WIDE_MODES:
        narrow = _narrow(image)
    elif image.mode in ("LA", "RGBA"):
        return image
    elif image.has_transparency_data:
        narrow = image.convert("LA" if image.mode == "La" else "RGBA")
    elif image.mode == "1":
        narrow = image.convert("L")
    elif image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    else:  # P without transparency, YCbCr, HSV, RGBX
        narrow = image.convert("RGB")
    narrow.info = {key: image.info[key] for key in ("icc_profile",) if key in image.info}
    return narrow


def to_srgb(image: Image.Image) -> Image.Image:
    """Return an image of `to_8_bit` as RGB in sRGB, transparency over white.

    A profile that is damaged or belongs to another colour space is ignored: the values are then
    taken to be sRGB, as viewers do.
    """
    profile = image.info.get("icc_profile")
    opaque = _over_white(image)
    if isinstance(profile, bytes) and profile:
        converted = _by_profile(opaque, profile)
        if converted is not None:
            return converted
    if opaque.mode == "LAB":
        return _from_lab(opaque)
    return opaque.convert("RGB")


def _narrow(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and float grey to 8-bit; Pillow's own `convert` clips them to white."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    values = np.array(image, np.float32)  # in place from here on: 200 MP are 0.8 GB
    is_finite = np.isfinite(values)
    if not is_finite.any():
        low = high = 0.0
    else:
        low = float(values.min(where=is_finite, initial=np.inf))
        high = float(values.max(where=is_finite, initial=-np.inf))
    floor, ceiling = _assumed_range(low, high)
    np.nan_to_num(values, copy=False, nan=floor, posinf=ceiling, neginf=floor)
    with np.errstate(over="ignore"):  # from -1e38 to 3e38 is more than a float32 holds
        values -= floor
        values *= 255.0 / (ceiling - floor)
    np.clip(np.rint(values, out=values), 0, 255, out=values)
    return Image.fromarray(values.astype(np.uint8))


def _assumed_range(low: float, high: float) -> tuple[float, float]:
    """Guess black and white from the values: 0..1, 0..255 and 0..65535 are conventions."""
    if low >= 0:
        for ceiling in (1.0, 255.0, float(_SIXTEEN_BIT_MAX)):
            if high <= ceiling:
                return 0.0, ceiling
    return low, high if high > low else low + max(1.0, abs(low))


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode not in ("RGBA", "LA"):
        return image
    white = Image.new("RGBA", image.size, _WHITE)
    flat = Image.alpha_composite(white, image.convert("RGBA"))
    return flat.convert("L" if image.mode == "LA" else "RGB")


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(lab, srgb, "LAB", "RGB")
    converted = ImageCms.applyTransform(image, transform)
    return image.convert("L").convert("RGB") if converted is None else converted
