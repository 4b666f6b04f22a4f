"""Damaged, hostile and oversized files cost one photo: each gets a sentence, none ends Kadr."""

import os
import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from tests.support import dng, photos
from worker import images
from worker.errors import PhotoError
from worker.images import Limits, Preprocess, embedded

PREPROCESS = Preprocess(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def reason(path: Path, limits: Limits | None = None) -> str:
    """Return why a file cannot be read; the sentence must have its three parts."""
    with pytest.raises(PhotoError) as caught:
        images.decode(path, PREPROCESS, limits)
    message = str(caught.value)
    subject, _, rest = message.partition(": ")
    fact, _, next_step = rest.rpartition("; ")
    assert all((subject, fact, next_step)), message
    assert "\n" not in message
    return message


def test_empty_file_is_named_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.touch()

    assert reason(path) == "a.jpg: the file is empty; copy it here again"


def test_file_that_is_gone_is_named_so(tmp_path: Path) -> None:
    assert "a.jpg: no such file" in reason(tmp_path / "a.jpg")


def test_text_called_jpeg_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_text("Dear diary, ...")

    assert "no image of a kind Kadr reads" in reason(path)


@pytest.mark.parametrize("content", [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"/* XPM */", b"P6 1 1 255 abc"])
def test_formats_that_were_not_asked_for_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)

    assert "no image of a kind Kadr reads" in reason(path)


@pytest.mark.parametrize("name", photos.FORMATS)
def test_half_a_file_is_refused(tmp_path: Path, name: str) -> None:
    path = photos.save_every_format(tmp_path, Image.effect_noise((256, 256), 90))[name]
    stored = path.read_bytes()
    path.write_bytes(stored[: len(stored) // 2])

    assert reason(path).startswith(path.name + ": ")


def _noisy(path: Path, **options: object) -> bytes:
    """Write a JPEG in which no two rows are alike, and return its bytes."""
    noise = Image.effect_noise((320, 256), 90).convert("RGB")
    return photos.save(path, noise, **options).read_bytes()


_FULL = Preprocess(256, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@pytest.mark.parametrize("is_progressive", [False, True])
def test_a_jpeg_that_lacks_its_end_marker_alone_is_whole(
    tmp_path: Path, *, is_progressive: bool
) -> None:
    path = tmp_path / "a.jpg"
    whole = _noisy(path, progressive=is_progressive)
    expected = images.decode(path, _FULL)

    path.write_bytes(whole[:-2])
    found = images.decode(path, _FULL)

    assert (found.pixels == expected.pixels).all()
    assert found.truncated_rows == 0


@pytest.mark.parametrize("kept", [0.25, 0.5, 0.9])
def test_a_jpeg_that_lost_rows_is_taken_on_request_and_says_how_many(
    tmp_path: Path, kept: float
) -> None:
    path = tmp_path / "a.jpg"
    whole = _noisy(path)
    path.write_bytes(whole[: int(len(whole) * kept)])

    assert "or set KADR_TRUNCATED=tag" in reason(path)
    found = images.decode(path, _FULL, Limits(takes_truncated=True))

    assert found.truncated_rows == pytest.approx(256 * (1 - kept), abs=24)


def test_a_progressive_jpeg_that_ends_between_its_scans_is_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    whole = _noisy(path, progressive=True)
    path.write_bytes(whole[: whole.rindex(b"\xff\xda")])

    assert "truncated" in reason(path)
    found = images.decode(path, _FULL, Limits(takes_truncated=True))
    assert found.truncated_rows == 256


def test_rows_that_a_turned_photo_lost_are_counted_as_it_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    whole = _noisy(path, exif=photos.exif(6))
    path.write_bytes(whole[: len(whole) // 2])

    found = images.decode(path, _FULL, Limits(takes_truncated=True))

    assert (found.width, found.height) == (256, 320)
    assert 100 < found.truncated_rows < 156


def test_truncated_jpeg_says_so(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:-200])

    assert "truncated, the file ends before its picture does" in reason(path)


def test_png_with_megabytes_of_text_or_a_huge_profile_shows_its_picture(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "x" * 3_000_000, zip=True)
    texts.add_itxt("Comment", "y" * 3_000_000, zip=True)
    texts.add_text("Comment", "z" * 70_000_000)
    path = tmp_path / "a.png"
    Image.new("RGB", (30, 20)).save(path, pnginfo=texts, icc_profile=bytes(5_000_000))

    assert images.decode(path, PREPROCESS).width == 30


def test_apng_whose_later_frames_are_broken_shows_its_first(tmp_path: Path) -> None:
    path, frames = tmp_path / "a.png", [Image.new("RGB", (30, 20), c) for c in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    stored = path.read_bytes()
    path.write_bytes(stored[: stored.index(b"fdAT") + 6])

    assert images.decode(path, PREPROCESS).pixels[16, 16].tolist() == [255, 0, 0]


def test_what_is_sound_and_unsupported_is_called_so(tmp_path: Path) -> None:
    jpeg = photos.save(tmp_path / "a.jpg")
    stored = bytearray(jpeg.read_bytes())
    stored[stored.index(b"\xff\xc0") + 4] = 12
    jpeg.write_bytes(stored)
    tiff, bitmap = tmp_path / "a.tif", tmp_path / "a.bmp"
    tiff.write_bytes(b"MM\0+\0\x08\0\0" + bytes(100))
    Image.new("L", (4, 4)).save(bitmap)
    stored = bytearray(bitmap.read_bytes())
    stored[28] = 2
    bitmap.write_bytes(stored)

    assert "a JPEG of 12 bits, which Kadr cannot decode; save it as 8-bit" in reason(jpeg)
    assert "a big-endian BigTIFF, which Kadr cannot decode; save it" in reason(tiff)
    assert "of a kind that Kadr cannot decode (Unsupported BMP pixel depth (2)); " in reason(bitmap)


def test_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(photos.bomb())

    assert "KADR_MAX_PIXELS" in reason(path)


def test_more_pixels_than_allowed_says_how_many(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "a.png", Image.new("L", (2000, 2000)))

    expected = "a.png: 4 MP exceed 3 MP; raise KADR_MAX_PIXELS to include it"
    assert reason(path, Limits(max_pixels=3_000_000)) == expected
    assert images.decode(path, PREPROCESS, Limits(max_pixels=4_000_000)).width == 2000


def test_raw_file_with_more_pixels_than_allowed_is_refused(tmp_path: Path) -> None:
    path = dng.write(tmp_path / "a.dng", photos.scene())

    assert "KADR_MAX_PIXELS" in reason(path, Limits(max_pixels=1000))


def test_more_bytes_than_allowed_says_how_many(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with path.open("wb") as file:
        file.truncate(3 * 1024 * 1024)

    expected = "a.jpg: 3 MiB exceed 2 MiB; raise KADR_MAX_BYTES to include it"
    assert reason(path, Limits(max_bytes=2 * 1024 * 1024)) == expected


def test_folder_is_no_photo(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()

    assert "a.jpg: is a folder" in reason(tmp_path / "a.jpg")


def test_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")

    assert "a.jpg: is a device, pipe or socket" in reason(tmp_path / "a.jpg")


def test_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name may have no more than 108 bytes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("a.jpg")

        assert "a.jpg: is a device, pipe or socket" in reason(tmp_path / "a.jpg")


def test_name_that_is_not_utf8_can_be_printed_in_the_reason(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n.jpg"))
    path.touch()

    assert reason(path).encode() == "caf�\\n.jpg: the file is empty; copy it here again".encode()


def test_file_without_permission_says_so(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "a.jpg")
    path.chmod(0)

    with unprivileged():
        assert "no permission" in reason(path)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be no superuser for a while, who may read anything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)  # nobody
    try:
        yield
    finally:
        os.seteuid(0)


def test_broken_files_leave_no_file_open_and_no_thread_behind(tmp_path: Path) -> None:
    paths = list(photos.save_every_format(tmp_path).values())
    for path in paths:
        path.write_bytes(path.read_bytes()[:100])
        reason(path)
    process, threads = psutil.Process(), threading.active_count()
    before = process.num_fds()

    for path in paths * 5:
        reason(path)

    assert (process.num_fds(), threading.active_count()) == (before, threads)


def test_broken_files_among_good_ones_cost_only_themselves(tmp_path: Path) -> None:
    good = photos.save(tmp_path / "good.jpg")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(good.read_bytes()[:300])

    def decoded(path: Path) -> bool:
        try:
            return images.decode(path, PREPROCESS).width == 320
        except PhotoError:
            return False

    with ThreadPoolExecutor(8) as pool:
        outcome = list(pool.map(decoded, [good, broken] * 20))

    assert outcome == [True, False] * 20


@cache
def originals() -> dict[str, bytes]:
    """Return small files of every format, with all the metadata that is read."""
    small, packet = photos.scene(64, 48), photos.xmp(["dog"], ["animal|cat"], "2026-07-31T12:00:00")
    tags = photos.exif(6, {0x010F: "Canon", 0x0110: "EOS R5", 0x9C9E: "dog;cat".encode("utf-16le")})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {
            path.suffix: path.read_bytes()
            for path in photos.save_every_format(folder, small).values()
        }
        for extension in (".webp", ".heic", ".avif"):
            path = photos.save(folder / f"m{extension}", small, exif=tags, xmp=packet)
            files[f"m{extension}"] = path.read_bytes()
        files[".dng"] = dng.write(folder / "p.dng", photos.scene(128, 96)).read_bytes()
    jpeg = photos.jpeg_bytes(small, exif=tags, xmp=packet)
    return files | {"m.jpg": photos.with_iptc(jpeg, [b"dog", b"cat"])}


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw a file with some bytes changed, inserted or cut off, mostly near its head."""
    name = draw(st.sampled_from(sorted(originals())))
    content = bytearray(originals()[name])
    reach = draw(st.sampled_from([64, 512, len(content)]))
    place = st.integers(0, min(reach, len(content)) - 1)
    value = st.sampled_from([b"\0", b"\xff", b"\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0"])
    for at, new in draw(st.lists(st.tuples(place, value | st.binary(min_size=1, max_size=4)))):
        content[at : at + len(new)] = new
    if draw(st.booleans()):
        del content[draw(place) :]
    return name, bytes(content)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_any_damage_gives_a_picture_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[str, bytes]
) -> None:
    name, content = file
    path = tmp_path_factory.getbasetemp() / f"damaged{name}"
    path.write_bytes(content)

    embedded.read(path)  # whatever it holds, it is no error
    try:
        outcome = str(images.decode(path, PREPROCESS, Limits(max_pixels=4_000_000)).pixels.shape)
    except PhotoError as error:
        outcome = str(error)

    assert outcome == "(32, 32, 3)" or re.fullmatch(rf"damaged{name}: [^\n]+; [^\n]+", outcome)
