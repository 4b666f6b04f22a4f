"""Photos of every format come out upright, in the model's size, as open_clip would show them."""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support import photos
from worker import extensions, images
from worker.images import Preprocess

SIZE = 96
PREPROCESS = Preprocess(SIZE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
UPRIGHT = (photos.RED, photos.GREEN, photos.BLUE, photos.YELLOW)


def quarters(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the colours in the middle of the quarters: top left, top right, bottom left, right."""
    near, far = pixels.shape[0] // 4, pixels.shape[0] * 3 // 4
    return np.array([pixels[y, x] for y in (near, far) for x in (near, far)], np.int64)


def assert_shows_scene(pixels: NDArray[np.uint8], tolerance: int = 24) -> None:
    assert np.abs(quarters(pixels) - np.array(UPRIGHT)).max() <= tolerance


def by_open_clip(image: Image.Image, preprocess: Preprocess) -> NDArray[np.float64]:
    """Return the pixels that open_clip's own transform makes of an RGB image."""
    from open_clip.transform import image_transform

    transform = image_transform(
        preprocess.size,
        is_train=False,
        mean=(0, 0, 0),
        std=(1, 1, 1),
        resize_mode=preprocess.resize_mode,
        interpolation=preprocess.interpolation,
    )
    return np.rint(transform(image).numpy().transpose(1, 2, 0) * 255).astype(np.float64)


@pytest.mark.parametrize("name", photos.FORMATS)
def test_every_format_is_decoded(tmp_path: Path, name: str) -> None:
    path = photos.save_every_format(tmp_path)[name]

    decoded = images.decode(path, PREPROCESS)

    assert decoded.pixels.shape == (SIZE, SIZE, 3)
    assert decoded.pixels.dtype == np.uint8
    assert (decoded.width, decoded.height, decoded.format) == (320, 240, name)
    assert_shows_scene(decoded.pixels)


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "tiff", "avif", "heic"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_come_out_upright(
    tmp_path: Path, name: str, orientation: int
) -> None:
    stored = photos.turned(photos.scene(), orientation)
    extension, _ = photos.FORMATS[name]
    path = photos.save(tmp_path / f"p{extension}", stored, exif=photos.exif(orientation))

    decoded = images.decode(path, PREPROCESS)

    assert (decoded.width, decoded.height) == (320, 240)
    assert_shows_scene(decoded.pixels)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientation_without_meaning_is_ignored(tmp_path: Path, orientation: int) -> None:
    path = photos.save(tmp_path / "p.jpg", exif=photos.exif(orientation))

    assert_shows_scene(images.decode(path, PREPROCESS).pixels)


def test_content_decides_and_not_the_extension(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "p.png").rename(tmp_path / "p.jpg")

    assert images.decode(path, PREPROCESS).format == "png"


def test_first_frame_of_an_animation_counts(tmp_path: Path) -> None:
    black = Image.new("RGB", (320, 240))
    for extension in (".gif", ".webp", ".png"):
        path = photos.save(tmp_path / f"p{extension}", save_all=True, append_images=[black])

        assert_shows_scene(images.decode(path, PREPROCESS).pixels)


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("resize_mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("is_tall", [False, True])
def test_pixels_are_those_of_open_clip(
    tmp_path: Path,
    interpolation: Literal["bicubic", "bilinear"],
    resize_mode: Literal["shortest", "longest", "squash"],
    is_tall: bool,  # noqa: FBT001
) -> None:
    image = Image.open(photos.sample("cat")).convert("RGB")
    image = image.transpose(Image.Transpose.ROTATE_90) if is_tall else image
    path = photos.save(tmp_path / "p.png", image)
    preprocess = Preprocess(224, (0, 0, 0), (1, 1, 1), interpolation, resize_mode)

    difference = np.abs(images.decode(path, preprocess).pixels - by_open_clip(image, preprocess))

    assert difference.max() <= 4
    assert difference.mean() < 0.3


@pytest.mark.parametrize("extension", [".png", ".jpg"])
def test_shrinking_while_decoding_hardly_changes_what_the_model_sees(
    tmp_path: Path, extension: str
) -> None:
    big = Image.open(photos.sample("temple")).convert("RGB").resize((2561, 1709))
    path = photos.save(tmp_path / f"p{extension}", big, quality=95)

    difference = np.abs(images.decode(path, PREPROCESS).pixels - by_open_clip(big, PREPROCESS))

    assert difference.mean() < 1


def test_thin_strip_is_cropped_before_it_is_enlarged(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "p.png", photos.scene(2, 20_000))

    decoded = images.decode(path, PREPROCESS)

    assert (decoded.width, decoded.height) == (2, 20_000)
    assert decoded.pixels.shape == (SIZE, SIZE, 3)


def test_one_pixel_is_a_photo(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "p.png", Image.new("RGB", (1, 1), photos.RED))

    for resize_mode in ("shortest", "longest", "squash"):
        preprocess = Preprocess(SIZE, (0.0,) * 3, (1.0,) * 3, "bicubic", resize_mode)
        assert tuple(images.decode(path, preprocess).pixels[SIZE // 2, SIZE // 2]) == photos.RED


def test_threads_decode_as_one_does(tmp_path: Path) -> None:
    paths = [*photos.save_every_format(tmp_path).values(), *photos.samples()] * 3
    alone = [images.decode(path, PREPROCESS).pixels for path in paths]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda path: images.decode(path, PREPROCESS).pixels, paths))

    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_thumbnail_is_a_small_upright_jpeg_without_metadata(tmp_path: Path) -> None:
    stored = photos.turned(photos.scene(1200, 900), 6)
    tags = photos.exif(6, {0x010F: "Secret Camera"})
    path = photos.save(tmp_path / "p.jpg", stored, exif=tags)

    small = Image.open(io.BytesIO(images.thumbnail(path, 256)))

    assert (small.format, small.size, dict(small.getexif())) == ("JPEG", (256, 192), {})
    assert_shows_scene(np.asarray(small.resize((SIZE, SIZE))))


def test_thumbnail_does_not_enlarge(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "p.png")

    assert Image.open(io.BytesIO(images.thumbnail(path, 4000))).size == (320, 240)


@pytest.mark.parametrize("name", [b"caf\xe9.jpg", "фото.jpg".encode(), b"new\nline.jpg"])
def test_any_name_the_file_system_allows_works(tmp_path: Path, name: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    Path(os.fsdecode(path)).write_bytes(photos.jpeg_bytes())

    assert extensions.is_photo(path)
    assert_shows_scene(images.decode(path, PREPROCESS).pixels)
    assert_shows_scene(images.decode(os.fsdecode(path), PREPROCESS).pixels)


@pytest.mark.parametrize("name", ["a.jpg", "A.JPEG", "x.HeIc", "b.nef", "d.avif", ".x.png"])
def test_photo_extensions_are_taken_in_any_case(name: str) -> None:
    assert extensions.is_photo(name)
    assert extensions.is_photo(Path("somewhere") / name)


@pytest.mark.parametrize("name", ["a.txt", "jpg", ".jpg", "a.jpg.part", "a.eps", "a.mp4", "", "a."])
def test_other_extensions_are_left_alone(name: str) -> None:
    assert not extensions.is_photo(name)
