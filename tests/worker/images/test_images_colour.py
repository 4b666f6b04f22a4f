"""Colours arrive as sRGB whatever the file calls them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.support import photos
from worker import images
from worker.images import Preprocess

PREPROCESS = Preprocess(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
P3_COLOUR = (200, 100, 60)


def middle(path: Path) -> tuple[int, ...]:
    return tuple(int(value) for value in images.decode(path, PREPROCESS).pixels[16, 16])


def flat(mode: str, colour: object, size: tuple[int, int] = (64, 64)) -> Image.Image:
    return Image.new(mode, size, colour)  # type: ignore[arg-type]


def p3_to_srgb(colour: tuple[int, int, int]) -> tuple[float, ...]:
    """Convert by the published matrices (CSS Color 4), independent of littleCMS."""
    encoded = np.array(colour) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    to_srgb = np.array(
        [
            [1.2249402, -0.2249404, 0.0],
            [-0.0420569, 1.0420571, 0.0],
            [-0.0196376, -0.0786361, 1.0982735],
        ]
    )
    linear = np.clip(to_srgb @ linear, 0, 1)
    curve = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return tuple(255 * curve)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".tif", ".webp", ".heic"])
def test_display_p3_is_converted_by_its_profile(tmp_path: Path, extension: str) -> None:
    path = photos.save(
        tmp_path / f"p{extension}",
        flat("RGB", P3_COLOUR),
        icc_profile=photos.display_p3_profile(),
        quality=100,
    )

    assert middle(path) == pytest.approx(p3_to_srgb(P3_COLOUR), abs=4)
    assert np.abs(np.subtract(P3_COLOUR, p3_to_srgb(P3_COLOUR))).max() > 10


def test_profile_survives_shrinking_and_turning(tmp_path: Path) -> None:
    path = photos.save(
        tmp_path / "p.png",
        flat("RGB", P3_COLOUR, (500, 400)),
        icc_profile=photos.display_p3_profile(),
        exif=photos.exif(6),
    )

    assert middle(path) == pytest.approx(p3_to_srgb(P3_COLOUR), abs=2)


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200, photos.display_p3_profile()[:300]])
def test_damaged_profile_is_ignored(tmp_path: Path, profile: bytes) -> None:
    path = photos.save(tmp_path / "p.png", flat("RGB", P3_COLOUR), icc_profile=profile)

    assert middle(path) == P3_COLOUR


def test_profile_of_another_colour_space_is_ignored(tmp_path: Path) -> None:
    profile = photos.display_p3_profile()
    path = photos.save(tmp_path / "p.png", flat("L", 77), icc_profile=profile)

    assert middle(path) == (77, 77, 77)


@pytest.mark.parametrize("extension", [".jpg", ".tif"])
def test_cmyk_becomes_the_colour_it_prints(tmp_path: Path, extension: str) -> None:
    path = photos.save(tmp_path / f"p{extension}", flat("CMYK", (0, 255, 255, 0)))

    red, green, blue = middle(path)

    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize("extension", [".png", ".tif"])
def test_sixteen_bit_grey_keeps_its_tones(tmp_path: Path, extension: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64, dtype=np.uint16), (64, 1))
    path = photos.save(tmp_path / f"p{extension}", Image.fromarray(ramp))

    row = images.decode(path, PREPROCESS).pixels[16, :, 0].astype(int)

    assert row[0] < 10
    assert row[-1] > 245
    assert (np.diff(row) > 0).all()


def test_big_endian_sixteen_bit_grey_is_read_the_right_way(tmp_path: Path) -> None:
    values = np.full((64, 64), 0x8000, np.uint16)
    path = photos.save(tmp_path / "p.tif", Image.frombytes("I;16B", (64, 64), values.astype(">u2")))

    assert middle(path) == (128, 128, 128)


@pytest.mark.parametrize(
    ("black", "white"),
    [(0.0, 1.0), (0.0, 255.0), (0.0, 65535.0), (-3.0, 5.0), (1e6, 2e6), (-3e38, 3e38)],
)
def test_float_tiff_is_scaled_to_what_its_values_mean(
    tmp_path: Path, black: float, white: float
) -> None:
    ramp = np.tile(np.linspace(black, white, 64, dtype=np.float32), (64, 1))
    ramp[0, 0] = np.nan
    path = photos.save(tmp_path / "p.tif", Image.fromarray(ramp))

    row = images.decode(path, PREPROCESS).pixels[16, :, 0].astype(int)

    assert row[0] < 10
    assert row[-1] > 245
    assert (np.diff(row) >= 0).all()


def test_int32_tiff_is_scaled(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "p.tif", flat("I", 32768))

    assert middle(path) == (128, 128, 128)


@pytest.mark.parametrize(
    ("value", "grey"), [(0.0, 0), (float("nan"), 0), (float("inf"), 255), (1e30, 0)]
)
def test_float_tiff_of_one_value_is_a_photo(tmp_path: Path, value: float, grey: int) -> None:
    path = photos.save(tmp_path / "p.tif", flat("F", value))

    assert middle(path) == (grey, grey, grey)


@pytest.mark.parametrize("extension", [".png", ".webp", ".tif", ".avif", ".heic"])
def test_what_is_transparent_is_white(tmp_path: Path, extension: str) -> None:
    path = photos.save(tmp_path / f"p{extension}", flat("RGBA", (255, 0, 0, 0)))

    assert min(middle(path)) > 250


def test_half_transparent_is_mixed_with_white(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "p.png", flat("RGBA", (255, 0, 0, 128)))

    assert middle(path) == pytest.approx((255, 127, 127), abs=1)


def test_transparent_pixels_do_not_bleed_when_shrunk(tmp_path: Path) -> None:
    image = flat("RGBA", (0, 0, 0, 0), (512, 512))
    image.paste((200, 0, 0, 255), (0, 0, 256, 512))

    pixels = images.decode(photos.save(tmp_path / "p.png", image), PREPROCESS).pixels

    assert pixels[:, :, 0].min() >= 195  # red next to white; a dark seam is the black bleeding


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "PA"])
def test_few_colours_are_enough(tmp_path: Path, mode: str) -> None:
    grey = flat("L", 255).convert(mode)
    path = photos.save(tmp_path / ("p.tif" if mode == "PA" else "p.png"), grey)

    assert middle(path) == (255, 255, 255)


def test_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    image = photos.scene(64, 64).quantize(4)
    index = image.getpixel((60, 60))
    for extension in (".png", ".gif"):
        path = photos.save(tmp_path / f"p{extension}", image, transparency=index)

        pixels = images.decode(path, PREPROCESS).pixels

        assert tuple(pixels[28, 28]) == (255, 255, 255)
        assert tuple(pixels[4, 4]) == pytest.approx(photos.RED, abs=6)


def test_lab_tiff_becomes_srgb(tmp_path: Path) -> None:
    lab = ImageCms.applyTransform(
        flat("RGB", P3_COLOUR),
        ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
        ),
    )
    assert lab is not None

    assert middle(photos.save(tmp_path / "p.tif", lab)) == pytest.approx(P3_COLOUR, abs=3)
