"""A picture keeps its digest whatever is written beside its pixels, and no other picture has it."""

import io
import itertools
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import exiv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.support import dng, photos
from worker.images import decoders, orientation
from worker.watch import picture

#: Formats whose pictures have a digest; RAW is below.
_WITH = ("jpeg", "png", "webp", "tiff", "gif", "heic", "avif")
#: Formats that exiv2 writes into.
_EDITABLE = ("jpeg", "png", "webp", "tiff")


def digest(data: bytes) -> bytes | None:
    return picture.digest(io.BytesIO(data))


def segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(**options: object) -> bytes:
    noise = np.random.default_rng(1).integers(0, 255, (64, 80, 3), np.uint8)
    return photos.jpeg_bytes(Image.fromarray(noise), **options)


_JPEG, _PROGRESSIVE = jpeg(), jpeg(progressive=True)
_METADATA_SEGMENTS = st.lists(
    st.tuples(
        st.sampled_from([0xE1, 0xED, 0xFE, 0xE4, 0xEB]),
        st.binary(max_size=300).map(lambda body: b"MPF\0" + body),
    ).map(lambda each: segment(*each)),
    max_size=5,
)


@pytest.mark.parametrize("name", _WITH)
def test_every_format_with_metadata_has_a_digest(name: str, tmp_path: Path) -> None:
    files = photos.save_every_format(tmp_path)
    dark = photos.save_every_format(_folder(tmp_path), photos.scene().point(lambda v: v // 2))

    assert digest(files[name].read_bytes()) is not None
    assert digest(files[name].read_bytes()) != digest(dark[name].read_bytes())


def _folder(tmp_path: Path) -> Path:
    made = tmp_path / "dark"
    made.mkdir()
    return made


def test_a_bmp_holds_no_metadata_and_has_none(tmp_path: Path) -> None:
    assert digest(photos.save(tmp_path / "a.bmp").read_bytes()) is None


@pytest.mark.parametrize("name", _EDITABLE)
def test_words_that_another_program_writes_change_no_digest(name: str, tmp_path: Path) -> None:
    file = photos.save_every_format(tmp_path)[name]
    before, content = digest(file.read_bytes()), file.read_bytes()

    for word in ("holiday", "a much longer word, which moves everything behind it " * 40):
        _write_words(file, word)

    assert file.read_bytes() != content
    assert digest(file.read_bytes()) == before


def _write_words(file: Path, word: str) -> None:
    image = exiv2.ImageFactory.open(str(file))
    image.readMetadata()
    xmp, tags = image.xmpData(), image.exifData()
    xmp["Xmp.dc.subject"] = word
    tags["Exif.Image.ImageDescription"] = word
    image.setXmpData(xmp)
    image.setExifData(tags)
    image.writeMetadata()


def test_a_dng_keeps_its_digest_when_its_directories_move(tmp_path: Path) -> None:
    file = dng.write(tmp_path / "a.dng", photos.scene())
    before = digest(file.read_bytes())

    _write_words(file, "holiday")

    assert before is not None
    assert digest(file.read_bytes()) == before
    assert digest(dng.write(tmp_path / "b.dng", photos.turned(photos.scene(), 3)).read_bytes()) != (
        before
    )


@given(_METADATA_SEGMENTS, st.binary(max_size=50), st.sampled_from([_JPEG, _PROGRESSIVE]))
def test_segments_of_metadata_and_what_follows_the_end_do_not_count(
    segments: list[bytes], after: bytes, whole: bytes
) -> None:
    edited = whole[:2] + b"".join(segments) + whole[2:] + after

    assert digest(edited) == digest(whole)


@given(st.data())
def test_a_changed_byte_of_pixels_or_tables_is_another_picture(data: st.DataObject) -> None:
    at = data.draw(st.integers(_JPEG.index(b"\xff\xdb") + 4, len(_JPEG) - 3))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != _JPEG[at]))

    assert digest(_JPEG[:at] + bytes([byte]) + _JPEG[at + 1 :]) != digest(_JPEG)


def test_colour_profile_and_adobe_transform_decide_what_is_seen() -> None:
    profile = segment(0xE2, b"ICC_PROFILE\0\1\1" + photos.display_p3_profile())
    adobe = segment(0xEE, b"Adobe\0d\0\0\0\0\1")

    found = {digest(_JPEG[:2] + part + _JPEG[2:]) for part in (b"", profile, adobe)}

    assert len(found) == 3


@pytest.mark.parametrize("block", range(5, 9))
def test_a_scan_ends_at_its_marker_wherever_blocks_are_cut(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [digest(_JPEG), digest(_PROGRESSIVE), digest(jpeg(restart_marker_blocks=1))]

    monkeypatch.setattr("worker.watch.picture.jpeg.BLOCK", block)

    assert whole == [digest(_JPEG), digest(_PROGRESSIVE), digest(jpeg(restart_marker_blocks=1))]


def test_a_missing_end_marker_changes_nothing_and_missing_rows_do() -> None:
    assert digest(_JPEG[:-2]) == digest(_JPEG)
    assert digest(_JPEG[:-200]) not in {None, digest(_JPEG)}


@pytest.mark.parametrize("name", ["jpeg", "png", "webp"])
def test_orientation_is_that_which_the_decoder_turns_by(name: str, tmp_path: Path) -> None:
    extension, kind = photos.FORMATS[name]
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF tiff:Orientation="6"/></x:xmpmeta>'
    seen: dict[int, set[bytes | None]] = {}
    exifs = [None, *(photos.exif(value) for value in (0, 1, 3, 6, 9))]
    for exif, xmp in itertools.product(exifs, (None, packet)):
        options = {"exif": exif} if exif is not None else {}
        if xmp and name != "png":
            options["xmp"] = xmp
        file = tmp_path / f"a{extension}"
        photos.scene().save(file, kind, **options)
        with file.open("rb") as opened, decoders.open_image(opened, 10**9) as image:
            image.load()
            turn = orientation.orientation_of(image)
        seen.setdefault(turn, set()).add(digest(file.read_bytes()))

    assert {1, 3, 6} <= seen.keys()
    assert all(len(digests) == 1 for digests in seen.values())
    assert len(set.union(*seen.values())) == len(seen)


def test_pixels_of_a_png_may_be_cut_into_other_chunks() -> None:
    whole = _png(lambda data: [data])

    assert digest(_png(lambda data: [data[:7], b"", data[7:]])) == digest(whole) is not None


def _png(cut: Callable[[bytes], list[bytes]]) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(body))

    pixels = zlib.compress(b"\0\1\2\3" * 3)
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 3, 8, 2, 0, 0, 0))]
    parts += [chunk(b"IDAT", part) for part in cut(pixels)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def test_a_tile_or_an_alpha_plane_belongs_to_a_heic_and_its_exif_does_not(tmp_path: Path) -> None:
    alpha = photos.scene().convert("RGBA")
    alpha.putalpha(120)
    plain = photos.save(tmp_path / "plain.heic")
    with_exif = photos.save(tmp_path / "exif.heic", exif=photos.exif(1, {270: "words"}))
    with_alpha = photos.save(tmp_path / "alpha.heic", alpha)

    assert digest(plain.read_bytes()) == digest(with_exif.read_bytes())
    assert digest(plain.read_bytes()) != digest(with_alpha.read_bytes())


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("originals")
    files = [
        *photos.save_every_format(folder).values(),
        dng.write(folder / "a.dng", photos.scene()),
    ]
    return [file.read_bytes() for file in files]


@given(st.data())
def test_damaged_files_raise_nothing(originals: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(originals)))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, min(len(whole), 600) - 1))
        whole[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    end = data.draw(st.integers(0, len(whole)))

    found = digest(bytes(whole[:end]))

    assert found is None or len(found) == 32


def test_directories_that_lead_to_each_other_end() -> None:
    entry = struct.pack("<HHII", 330, 4, 1, 8)
    loop = b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + struct.pack("<I", 8)

    assert digest(loop) is None


def test_overlapping_strips_are_not_hashed_for_ever() -> None:
    n_strips = 100_000
    arrays = (
        struct.pack(f"<{n_strips}I", *[0] * n_strips),
        struct.pack(f"<{n_strips}I", *[n_strips * 8] * n_strips),
    )
    at = 8 + 2 + 24 + 4
    entries = struct.pack("<HHII", 273, 4, n_strips, at)
    entries += struct.pack("<HHII", 279, 4, n_strips, at + 4 * n_strips)
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4)

    assert digest(head + b"".join(arrays)) is None
