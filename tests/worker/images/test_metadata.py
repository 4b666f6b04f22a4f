"""What a photo says about itself is read from every place where programs write it."""

import struct
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from tests.support import photos
from worker.images import exif, metadata, raw_exif, xmp
from worker.images.metadata import Metadata

NOON = "2026:07:31 12:00:00"
MAKE, MODEL, EDITED = ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.DateTime
ORIGINAL, DIGITIZED = ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized
PACKET = photos.xmp(["dog", "beach"], ["animal|dog"], "2026-07-31T12:00:00+02:00")


def with_exif(path: Path, tags: dict[int, object]) -> Metadata:
    return metadata.read(photos.save(path / "p.jpg", exif=photos.exif(tags=tags)))


def gps(**changes: object) -> dict[int, object]:
    place = {"lat_ref": "N", "lat": (55.0, 45.0, 21.0), "lon_ref": "E", "lon": (37.0, 37.0, 2.0)}
    place |= changes
    return {
        ExifTags.IFD.GPSInfo: dict(enumerate((place[k] for k in place), start=1)),
    }


def save_with_packet(path: Path, packet: bytes) -> Path:
    """Write a photo with XMP where its format keeps it."""
    if path.suffix == ".png":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", packet.decode())
        return photos.save(path, pnginfo=chunks)
    if path.suffix == ".tif":
        return photos.save(path, exif=photos.exif(tags={700: packet}))
    return photos.save(path, xmp=packet)


def test_photo_without_metadata_says_nothing(tmp_path: Path) -> None:
    for path in photos.save_every_format(tmp_path).values():
        assert metadata.read(path) == Metadata()


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tif", ".heic", ".avif"])
def test_camera_and_date_are_read_from_exif(tmp_path: Path, extension: str) -> None:
    block = photos.exif(tags={MAKE: "Canon", MODEL: "Canon EOS R5", ORIGINAL: NOON})
    found = metadata.read(photos.save(tmp_path / f"p{extension}", exif=block))

    assert found.camera == "Canon EOS R5"
    assert found.taken_at == datetime(2026, 7, 31, 12)  # noqa: DTZ001  the camera's wall clock


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tif", ".heic", ".avif"])
def test_keywords_and_date_are_read_from_xmp(tmp_path: Path, extension: str) -> None:
    found = metadata.read(save_with_packet(tmp_path / f"p{extension}", PACKET))

    assert found.keywords == ("dog", "beach", "animal")
    assert str(found.taken_at) == "2026-07-31 12:00:00"


@pytest.mark.parametrize("name", ["p.jpg.xmp", "p.xmp"])
def test_sidecar_beside_the_photo_counts(tmp_path: Path, name: str) -> None:
    path = photos.save(tmp_path / "p.jpg")
    (tmp_path / name).write_bytes(PACKET)

    assert metadata.read(path).keywords == ("dog", "beach", "animal")


def test_date_of_the_camera_wins_over_the_sidecar(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "p.jpg", exif=photos.exif(tags={ORIGINAL: NOON}))
    (tmp_path / "p.xmp").write_bytes(photos.xmp([], date="1999-01-01T00:00:00"))

    assert str(metadata.read(path).taken_at) == "2026-07-31 12:00:00"


def test_sidecar_that_is_a_folder_is_no_sidecar(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "p.jpg")
    (tmp_path / "p.xmp").mkdir()

    assert metadata.read(path) == Metadata()


def test_iptc_keywords_are_read_in_either_encoding(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(photos.with_iptc(photos.jpeg_bytes(), ["пляж".encode(), b"dog"]))
    assert metadata.read(path).keywords == ("пляж", "dog")

    path.write_bytes(photos.with_iptc(photos.jpeg_bytes(), [b"caf\xe9"], charset=b""))
    assert metadata.read(path).keywords == ("café",)


def test_windows_keywords_are_read(tmp_path: Path) -> None:
    tags = "dog;пляж; ;Dog\0".encode("utf-16-le")

    assert with_exif(tmp_path, {ExifTags.Base.XPKeywords: tags}).keywords == ("dog", "пляж")


def test_keyword_in_several_places_is_one(tmp_path: Path) -> None:
    block = photos.exif(tags={ExifTags.Base.XPKeywords: "DOG".encode("utf-16-le")})
    jpeg = photos.jpeg_bytes(exif=block, xmp=photos.xmp([" Dog ", "d o g"]))
    path = tmp_path / "p.jpg"
    path.write_bytes(photos.with_iptc(jpeg, [b"dog"]))

    assert metadata.read(path).keywords == ("dog", "d o g")


def test_keywords_nobody_would_write_are_left_out(tmp_path: Path) -> None:
    words = ["", "  ", "x" * 101, *(f"word {n}" for n in range(2000))]
    path = photos.save(tmp_path / "p.jpg")
    (tmp_path / "p.xmp").write_bytes(photos.xmp(words))

    found = metadata.read(path).keywords

    assert found[0] == "word 0"
    assert len(found) <= metadata.MAX_KEYWORDS


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D70s", "NIKON D70s"),
        ("Apple", "iPhone 13 Pro", "Apple iPhone 13 Pro"),
        ("", "Pixel 9", "Pixel 9"),
        ("FUJIFILM\0junk", "X-T5  ", "FUJIFILM X-T5"),
    ],
)
def test_camera_is_named_once(tmp_path: Path, make: str, model: str, expected: str) -> None:
    assert with_exif(tmp_path, {MAKE: make, MODEL: model}).camera == expected


def test_date_of_an_edit_is_not_when_it_was_taken(tmp_path: Path) -> None:
    assert with_exif(tmp_path, {EDITED: NOON}).taken_at is None


def test_date_of_digitizing_serves_where_there_is_no_other(tmp_path: Path) -> None:
    assert str(with_exif(tmp_path, {DIGITIZED: NOON}).taken_at) == "2026-07-31 12:00:00"


@pytest.mark.parametrize(
    "text",
    ["0000:00:00 00:00:00", "    :  :     :  :  ", "2026:13:45 12:00:00", "2026:07:31", "soon", ""],
)
def test_dates_without_sense_are_no_dates(text: str) -> None:
    assert exif.parse_date(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026:07:31 12:00:00", "2026-07-31 12:00:00"),
        ("2026-07-31T12:00:00.25", "2026-07-31 12:00:00.250000"),
        ("2026-07-31T12:00:00-05:00", "2026-07-31 12:00:00"),
        ("2026-07-31T12:00:00Z", "2026-07-31 12:00:00"),
        ("2026-07-31T12:00", "2026-07-31 12:00:00"),
    ],
)
def test_dates_are_the_wall_clock_whatever_the_zone(text: str, expected: str) -> None:
    assert str(exif.parse_date(text)) == expected


@given(st.text() | st.none() | st.binary() | st.integers())
def test_any_date_is_a_date_or_none(text: object) -> None:
    found = exif.parse_date(text)

    assert found is None or found.tzinfo is None


def test_position_is_read_in_degrees(tmp_path: Path) -> None:
    found = with_exif(tmp_path, gps())

    assert (found.latitude, found.longitude) == pytest.approx((55.755833, 37.617222), abs=1e-6)


def test_south_and_west_are_negative(tmp_path: Path) -> None:
    found = with_exif(tmp_path, gps(lat_ref="S", lon_ref="W"))

    assert (found.latitude, found.longitude) == pytest.approx((-55.755833, -37.617222), abs=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"lat": (91.0, 0.0, 0.0)},
        {"lon": (181.0, 0.0, 0.0)},
        {"lat": (0.0, 0.0, 0.0), "lon": (0.0, 0.0, 0.0)},
        {"lat": (55.0, 45.0)},
    ],
)
def test_positions_without_sense_are_left_out(tmp_path: Path, changes: dict[str, object]) -> None:
    found = with_exif(tmp_path, gps(**changes))

    assert (found.latitude, found.longitude) == (None, None)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\xff\xfe\x00",
        PACKET[:-40],
        b'<!DOCTYPE a [<!ENTITY b "dog">]>' + PACKET,
        b'<?xml version="1.0" encoding="none"?>' + PACKET,
        b"<a>" * 100_000,
        PACKET + b" " * xmp.MAX_BYTES,
    ],
    ids=["empty", "binary", "cut", "entity", "encoding", "deep", "long"],
)
def test_hostile_xmp_says_nothing(packet: bytes) -> None:
    assert xmp.parse(packet) == xmp.Xmp()


def test_digikam_writes_hierarchies_with_slashes() -> None:
    packet = PACKET.replace(b"lr:hierarchicalSubject", b"digiKam:TagsList").replace(
        b"xmlns:lr=", b'xmlns:digiKam="http://www.digikam.org/ns/1.0/" xmlns:lr='
    )

    assert "animal" in xmp.parse(packet.replace(b"animal|dog", b"animal/dog")).keywords


def test_file_that_is_no_photo_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_text("no photo")

    assert metadata.read(tmp_path / "p.jpg") == Metadata()
    assert metadata.read(tmp_path / "gone.jpg") == Metadata()
    assert metadata.read(tmp_path) == Metadata()


def as_raf(path: Path, block: Image.Exif) -> Path:
    """Write the head of a Fujifilm RAW file: a magic, and where its JPEG lies."""
    jpeg = photos.jpeg_bytes(exif=block)
    head = b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0") + struct.pack(">II", 160, len(jpeg))
    path.write_bytes(head.ljust(160, b"\0") + jpeg)
    return path


def as_cr3(path: Path, first: Image.Exif, details: Image.Exif) -> Path:
    """Write the head of a Canon CR3 file: boxes with a TIFF directory each."""
    boxes = [(b"CMT1", first.tobytes()[6:]), (b"CMT2", details.tobytes()[6:])]
    content = b"".join(struct.pack(">I4s", len(data) + 8, kind) + data for kind, data in boxes)
    path.write_bytes(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + content)
    return path


def test_fujifilm_raw_metadata_is_read(tmp_path: Path) -> None:
    block = photos.exif(tags={MAKE: "FUJIFILM", MODEL: "X-T5", ORIGINAL: NOON})

    found = metadata.read(as_raf(tmp_path / "p.raf", block))

    assert (found.camera, str(found.taken_at)) == ("FUJIFILM X-T5", "2026-07-31 12:00:00")


def test_canon_cr3_metadata_is_read(tmp_path: Path) -> None:
    camera = photos.exif(tags={MAKE: "Canon", MODEL: "Canon EOS R5"})

    path = as_cr3(tmp_path / "p.cr3", camera, photos.exif(tags={ORIGINAL: NOON}))

    found = metadata.read(path)
    assert (found.camera, str(found.taken_at)) == ("Canon EOS R5", "2026-07-31 12:00:00")


@pytest.mark.parametrize("magic", [b"IIRO", b"IIU\0", b"II*\0"])
def test_raw_with_a_magic_of_its_own_is_tiff_behind_it(tmp_path: Path, magic: bytes) -> None:
    block = photos.exif(tags={MAKE: "OLYMPUS", MODEL: "E-M1"})
    block.endian = "<"
    (tmp_path / "p.orf").write_bytes(magic + block.tobytes()[10:])

    with (tmp_path / "p.orf").open("rb") as file:
        assert exif.camera(raw_exif.read(file)) == "OLYMPUS E-M1"
