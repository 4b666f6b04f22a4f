"""Camera RAW files show the preview the camera made, or a quick development, upright."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import dng, photos
from tests.worker.images.test_images import PREPROCESS, assert_shows_scene
from worker import images
from worker.errors import PhotoError
from worker.images import embedded

GREY = Image.new("RGB", (320, 240), (128, 128, 128))


def test_preview_in_a_raw_file_is_shown(tmp_path: Path) -> None:
    path = dng.write(tmp_path / "p.dng", GREY, preview=photos.scene())

    decoded = images.decode(path, PREPROCESS)

    assert (decoded.width, decoded.height, decoded.format) == (320, 240, "dng")
    assert_shows_scene(decoded.pixels)


def test_preview_without_compression_is_shown(tmp_path: Path) -> None:
    path = dng.write(tmp_path / "p.dng", GREY, preview=photos.scene(), is_preview_jpeg=False)

    assert_shows_scene(images.decode(path, PREPROCESS).pixels)


def test_sensor_is_developed_where_the_preview_is_too_small(tmp_path: Path) -> None:
    stamp = Image.new("RGB", (32, 24))
    path = dng.write(tmp_path / "p.dng", photos.scene(640, 480), preview=stamp)

    pixels = images.decode(path, PREPROCESS).pixels.astype(int)

    near, far = 24, 72
    assert pixels[near, near].argmax() == 0  # red
    assert pixels[near, far].argmax() == 1  # green
    assert pixels[far, near].argmax() == 2  # blue
    assert pixels[far, far].argmin() == 2  # yellow


def test_sensor_is_developed_where_the_preview_is_damaged(tmp_path: Path) -> None:
    path = dng.write(tmp_path / "p.dng", photos.scene(640, 480))
    stored = path.read_bytes()
    at = stored.index(b"\xff\xd8\xff") + 20
    path.write_bytes(stored[:at] + b"\0" * 400 + stored[at + 400 :])

    pixels = images.decode(path, PREPROCESS).pixels

    assert np.ptp(pixels) > 100


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("preview_knows", [False, True])
def test_raw_files_come_out_upright(
    tmp_path: Path,
    orientation: int,
    preview_knows: bool,  # noqa: FBT001
) -> None:
    stored = photos.turned(photos.scene(), orientation)
    block = photos.exif(orientation) if preview_knows else None
    path = dng.write(tmp_path / "p.dng", stored, orientation=orientation, preview_exif=block)

    decoded = images.decode(path, PREPROCESS)

    assert (decoded.width, decoded.height) == (320, 240)
    assert_shows_scene(decoded.pixels)


def test_preview_that_is_upright_already_is_not_turned_again(tmp_path: Path) -> None:
    sensor = photos.turned(photos.scene(240, 320), 6)
    path = dng.write(
        tmp_path / "p.dng",
        sensor,
        orientation=6,
        preview=photos.scene(240, 320),
        preview_exif=photos.exif(6),
    )

    assert_shows_scene(images.decode(path, PREPROCESS).pixels)


def test_dng_is_known_by_its_content(tmp_path: Path) -> None:
    path = dng.write(tmp_path / "p.dng", GREY, preview=photos.scene()).rename(tmp_path / "p.tif")

    decoded = images.decode(path, PREPROCESS)

    assert decoded.format == "raw"
    assert_shows_scene(decoded.pixels)


def test_jpeg_called_raw_is_a_jpeg(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "p.jpg").rename(tmp_path / "p.nef")

    assert images.decode(path, PREPROCESS).format == "jpeg"


def test_tiff_called_raw_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "p.tif").rename(tmp_path / "p.nef")

    with pytest.raises(PhotoError, match=r"^p\.nef: .*LibRaw does not know; convert it to DNG"):
        images.decode(path, PREPROCESS)


def test_raw_metadata_is_read(tmp_path: Path) -> None:
    found = embedded.read(dng.write(tmp_path / "p.dng", GREY))

    assert found.camera == "Kadr Testbild 1"
    assert found.taken is not None
    assert str(found.taken.at) == "2026-07-31 12:00:00"
