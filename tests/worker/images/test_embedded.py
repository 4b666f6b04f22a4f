"""What a file says of its photo is read from every place where programs write it."""

import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import ExifTags, Image, PngImagePlugin

from catalog.said import Keyword, Said, Taken, TakenPrecision
from tests.support import photos
from worker.images import embedded, exif, raw_exif

NOON = "2026:07:31 12:00:00"
MAKE, MODEL, EDITED = ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.DateTime
ORIGINAL, DIGITIZED = ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized
PACKET = photos.xmp(["dog", "beach"], ["animal|dog"], "2026-07-31T12:00:00+02:00")


def with_exif(path: Path, tags: dict[int, object]) -> Said:
    return embedded.read(photos.save(path / "p.jpg", exif=photos.exif(tags=tags)))


def words(path: Path) -> list[str]:
    return [keyword.word for keyword in embedded.read(path).keywords]


def date(found: Said) -> str:
    return str(found.taken.at) if found.taken else ""


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
        assert embedded.read(path) == Said()


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tif", ".heic", ".avif"])
def test_camera_and_date_are_read_from_exif(tmp_path: Path, extension: str) -> None:
    block = photos.exif(tags={MAKE: "Canon", MODEL: "Canon EOS R5", ORIGINAL: NOON})
    found = embedded.read(photos.save(tmp_path / f"p{extension}", exif=block))

    assert found.camera == "Canon EOS R5"
    assert found.taken == Taken(datetime(2026, 7, 31, 12), TakenPrecision.SECOND)  # noqa: DTZ001
    assert found.sources == {"taken": "EXIF", "camera": "EXIF"}


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tif", ".heic", ".avif"])
def test_keywords_and_date_are_read_from_xmp(tmp_path: Path, extension: str) -> None:
    found = embedded.read(save_with_packet(tmp_path / f"p{extension}", PACKET))

    assert found.keywords == (Keyword("dog", ("animal",)), Keyword("beach"))
    assert (date(found), found.sources) == ("2026-07-31 12:00:00", {"taken": "XMP"})
    assert found.taken is not None
    assert found.taken.offset_minutes == 120


def test_sidecar_is_not_read_with_the_file(tmp_path: Path) -> None:
    path = photos.save(tmp_path / "p.jpg")
    (tmp_path / "p.jpg.xmp").write_bytes(PACKET)

    assert embedded.read(path) == Said()


@pytest.mark.parametrize(
    ("raw", "charset", "expected"),
    [
        (["пляж".encode(), b"dog"], b"\x1b%G", ["пляж", "dog"]),
        (["пляж".encode(), b"dog"], b"", ["пляж", "dog"]),
        ([b"caf\xe9"], b"", ["café"]),
        ([b"Mother\x92s Day", b"5 \x80 note"], b"", ["Mother\u2019s Day", "5 \u20ac note"]),
        ([b"\xb9\xf3d\xbc"], b"\x1b-B", ["šódź"]),
        ([b"dog", b"caf\xe9"], b"\x1b%G", ["dog"]),
        (["ä".encode() * 31 + b"xx\xc3"], b"", ["ä" * 31 + "xx"]),
    ],
)
def test_iptc_keywords_are_read_in_every_encoding(
    tmp_path: Path, raw: list[bytes], charset: bytes, expected: list[str]
) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(photos.with_iptc(photos.jpeg_bytes(), raw, charset=charset))

    assert words(path) == expected


def test_word_that_iptc_cut_is_the_whole_one_of_xmp(tmp_path: Path) -> None:
    whole = "International Federation of Red Cross and Red Crescent Societies Conference"
    path = tmp_path / "p.jpg"
    jpeg = photos.jpeg_bytes(xmp=photos.xmp([whole]))
    path.write_bytes(photos.with_iptc(jpeg, [whole[:64].encode()]))

    assert words(path) == [whole]


@pytest.mark.parametrize(
    ("records", "expected", "precision"),
    [
        ([(2, 55, b"19991231")], "1999-12-31 00:00:00", TakenPrecision.DAY),
        (
            [(2, 55, b"19991231"), (2, 60, b"230000+0100")],
            "1999-12-31 23:00:00",
            TakenPrecision.SECOND,
        ),
        ([(2, 55, b"19870000")], "1987-01-01 00:00:00", TakenPrecision.YEAR),
    ],
)
def test_date_is_read_from_iptc(
    tmp_path: Path,
    records: list[tuple[int, int, bytes]],
    expected: str,
    precision: TakenPrecision,
) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(photos.with_iptc(photos.jpeg_bytes(), [], more=records))

    found = embedded.read(path)

    assert found.taken is not None
    assert (date(found), found.taken.precision) == (expected, precision)
    assert found.sources == {"taken": "IPTC"}


def test_zone_is_read_from_exif(tmp_path: Path) -> None:
    found = with_exif(tmp_path, {ORIGINAL: NOON, ExifTags.Base.OffsetTimeOriginal: "-05:00"})

    assert found.taken is not None
    assert found.taken.offset_minutes == -300


def test_date_that_says_more_comes_before_one_that_says_less(tmp_path: Path) -> None:
    block = photos.exif(tags={ORIGINAL: "2026:07:00 00:00:00"})
    path = photos.save(tmp_path / "p.jpg", exif=block, xmp=PACKET)

    assert embedded.read(path).sources["taken"] == "XMP"


def test_name_of_the_file_is_the_last_resort(tmp_path: Path) -> None:
    plain = photos.save(tmp_path / "IMG-20201018-WA0007.jpg")
    dated = photos.save(
        tmp_path / "IMG_20201018_101112.jpg", exif=photos.exif(tags={ORIGINAL: NOON})
    )

    assert (date(embedded.read(plain)), embedded.read(plain).sources["taken"]) == (
        "2020-10-18 00:00:00",
        "file name",
    )
    assert date(embedded.read(dated)) == "2026-07-31 12:00:00"


def test_windows_keywords_are_read(tmp_path: Path) -> None:
    tags = "dog;пляж; ;Dog\0".encode("utf-16-le")

    with_exif(tmp_path, {ExifTags.Base.XPKeywords: tags})
    assert words(tmp_path / "p.jpg") == ["dog", "пляж"]


def test_keyword_in_several_places_is_one(tmp_path: Path) -> None:
    block = photos.exif(tags={ExifTags.Base.XPKeywords: "DOG".encode("utf-16-le")})
    jpeg = photos.jpeg_bytes(exif=block, xmp=photos.xmp([" Dog ", "d o g"]))
    path = tmp_path / "p.jpg"
    path.write_bytes(photos.with_iptc(jpeg, [b"dog"]))

    assert words(path) == ["Dog", "d o g"]


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
    assert with_exif(tmp_path, {EDITED: NOON}).taken is None


def test_date_of_digitizing_serves_where_there_is_no_other(tmp_path: Path) -> None:
    assert date(with_exif(tmp_path, {DIGITIZED: NOON})) == "2026-07-31 12:00:00"


def test_position_is_read_in_degrees(tmp_path: Path) -> None:
    found = with_exif(tmp_path, gps())

    assert found.position == pytest.approx((55.755833, 37.617222), abs=1e-6)


def test_south_and_west_are_negative(tmp_path: Path) -> None:
    found = with_exif(tmp_path, gps(lat_ref="S", lon_ref="W"))

    assert found.position == pytest.approx((-55.755833, -37.617222), abs=1e-6)


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

    assert found.position is None


def test_file_that_is_no_photo_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_text("no photo")

    assert embedded.read(tmp_path / "p.jpg") == Said()
    assert embedded.read(tmp_path / "gone.jpg") == Said()
    assert embedded.read(tmp_path) == Said()


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

    found = embedded.read(as_raf(tmp_path / "p.raf", block))

    assert (found.camera, date(found)) == ("FUJIFILM X-T5", "2026-07-31 12:00:00")


def heap(*entries: tuple[int, bytes]) -> bytes:
    """Write a heap of CIFF: the values, their directory, and where that stands."""
    values, listed = b"", struct.pack("<H", len(entries))
    for kind, value in entries:
        listed += struct.pack("<HII", kind, len(value), len(values))
        values += value
    return values + listed + struct.pack("<I", len(values))


def as_crw(path: Path, depth: int = 0) -> Path:
    """Write the metadata of a Canon CRW file, which is no TIFF."""
    seconds = int(datetime(2003, 7, 31, 12, tzinfo=UTC).timestamp())
    camera = heap((0x080A, b"Canon\0Canon EOS D60\0"))
    time = struct.pack("<IiI", seconds, 0, 0)
    inner = heap((0x180E, time), (0x2807, camera), (0x4810, b"12345678"))
    for _ in range(depth):
        inner = heap((0x300A, inner))
    magic = b"II" + struct.pack("<I", 26) + b"HEAPCCDR"
    path.write_bytes(magic.ljust(26, b"\0") + heap((0x300A, inner)))
    return path


def test_canon_crw_metadata_is_read(tmp_path: Path) -> None:
    found = embedded.read(as_crw(tmp_path / "p.crw"))
    assert found.camera == "Canon EOS D60"
    assert date(found) == "2003-07-31 12:00:00"


def test_canon_crw_that_is_damaged_says_nothing(tmp_path: Path) -> None:
    whole = as_crw(tmp_path / "p.crw").read_bytes()
    for end in range(len(whole)):
        (tmp_path / "cut.crw").write_bytes(whole[:end])
        embedded.read(tmp_path / "cut.crw")
        (tmp_path / "cut.crw").write_bytes(whole[:end] + b"\xff" + whole[end + 1 :])
        embedded.read(tmp_path / "cut.crw")
    assert embedded.read(as_crw(tmp_path / "deep.crw", depth=9)).camera is None


def test_canon_cr3_metadata_is_read(tmp_path: Path) -> None:
    camera = photos.exif(tags={MAKE: "Canon", MODEL: "Canon EOS R5"})

    path = as_cr3(tmp_path / "p.cr3", camera, photos.exif(tags={ORIGINAL: NOON}))

    found = embedded.read(path)
    assert (found.camera, date(found)) == ("Canon EOS R5", "2026-07-31 12:00:00")


@pytest.mark.parametrize("magic", [b"IIRO", b"IIU\0", b"II*\0"])
def test_raw_with_a_magic_of_its_own_is_tiff_behind_it(tmp_path: Path, magic: bytes) -> None:
    block = photos.exif(tags={MAKE: "OLYMPUS", MODEL: "E-M1"})
    block.endian = "<"
    (tmp_path / "p.orf").write_bytes(magic + block.tobytes()[10:])

    with (tmp_path / "p.orf").open("rb") as file:
        assert exif.camera(raw_exif.read(file)) == "OLYMPUS E-M1"
