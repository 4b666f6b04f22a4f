"""A progressive JPEG that lacks refinements shows the same small picture, or is left as it is."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.photos import sample
from worker import images
from worker.images import Preprocess, progressive

#: More blocks than one run of empty ones, in each of the channels that is not subsampled.
SIZE = (2400, 1800)
PREPROCESS = Preprocess(224, (0.0,) * 3, (1.0,) * 3)


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.open(sample("coffee")).convert("RGB").resize(SIZE)


def jpeg(photo: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    photo.save(file, "JPEG", **{"quality": 90, "progressive": True, **options})
    return file.getvalue()


def decoded(data: bytes, scale: int) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    image.draft(None, (image.width // scale, image.height // scale))
    return np.asarray(image).astype(np.int16)


@pytest.mark.parametrize("scale", [8, 4])
@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}),
        ("RGB", {"subsampling": "4:4:4"}),
        ("RGB", {"subsampling": "4:2:2", "restart_marker_blocks": 7}),
        ("RGB", {"restart_marker_rows": 1, "optimize": True}),
        ("L", {}),
        ("CMYK", {}),
    ],
)
def test_small_picture_is_the_same_of_less_data(
    photo: Image.Image, mode: str, options: dict[str, object], scale: int
) -> None:
    whole = jpeg(photo.convert(mode), **options)

    trimmed = progressive.trim(whole, scale)

    assert trimmed is not None
    assert len(trimmed) < 0.6 * len(whole)
    expected, got = decoded(whole, scale), decoded(trimmed, scale)
    assert got.shape == expected.shape
    assert np.abs(got - expected).mean() < 2


@pytest.mark.parametrize("size", [(8, 8), (9, 17), (100, 7), (641, 479)])
def test_odd_sizes_are_decoded_alike(photo: Image.Image, size: tuple[int, int]) -> None:
    whole = jpeg(photo.resize(size))

    trimmed = progressive.trim(whole, 4)

    assert trimmed is not None
    assert np.abs(decoded(trimmed, 4) - decoded(whole, 4)).mean() < 8


def test_metadata_stays(photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = jpeg(photo, exif=exif, icc_profile=b"profile" * 100)

    trimmed = progressive.trim(whole, 8)

    assert trimmed is not None
    opened = Image.open(io.BytesIO(trimmed))
    assert (opened.getexif()[0x0112], opened.info["icc_profile"]) == (6, b"profile" * 100)


@pytest.mark.parametrize("scale", [1, 2, 8])
def test_other_files_are_left_as_they_are(photo: Image.Image, scale: int) -> None:
    whole = jpeg(photo)
    others = [
        jpeg(photo, progressive=False),
        whole[:-2],
        whole[: len(whole) // 2],
        b"",
        b"\xff\xd8",
    ]

    assert [progressive.trim(each, scale) for each in others] == [None] * len(others)
    assert (progressive.trim(whole, scale) is None) == (scale != 8)


def test_every_cut_and_every_changed_byte_of_the_structure_is_survived(photo: Image.Image) -> None:
    whole = jpeg(photo.resize((64, 48)))
    generator = np.random.default_rng(0)
    for position in generator.integers(2, len(whole), 400):
        changed = bytearray(whole)
        changed[position] ^= int(generator.integers(1, 256))
        for data in (bytes(changed), whole[:position]):
            trimmed = progressive.trim(data, 8)
            assert trimmed is None or trimmed.startswith(b"\xff\xd8")


def test_photo_is_decoded_from_fewer_scans(
    photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(photo))
    answers: list[bytes | None] = []
    trim = progressive.trim

    def watched(data: bytes, scale: int) -> bytes | None:
        answers.append(trim(data, scale))
        return answers[-1]

    monkeypatch.setattr(progressive, "trim", watched)
    quick = images.decode(path, PREPROCESS)
    monkeypatch.setattr(progressive, "trim", lambda *_: None)
    slow = images.decode(path, PREPROCESS)

    assert len(answers) == 1
    assert answers[0] is not None
    assert (quick.width, quick.height, quick.format) == (*SIZE, "jpeg")
    assert np.abs(quick.pixels.astype(int) - slow.pixels).mean() < 1
