"""An XMP document is read in every form that programs write, and no document does harm."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.said import TakenPrecision
from tests.support import readers
from tests.support import xmp as documents
from tests.support.xmp import bag, sidecar
from worker.errors import MetadataError
from worker.metadata import document, keywords, xmp
from worker.metadata.xmp import Field, Form, Values

SUBJECT = sidecar(bag("dc:subject", "dog", "sea"))


def words(data: bytes) -> list[str]:
    return [each.word for each in keywords.collect(xmp.parse(data).fields)]


@pytest.mark.parametrize(
    ("body", "attributes", "form"),
    [
        (bag("dc:subject", "dog"), "", Form.BAG),
        (bag("dc:subject", "dog", form="Seq"), "", Form.SEQ),
        (bag("dc:subject", "dog", form="Alt"), "", Form.ALT),
        ("<dc:subject>dog</dc:subject>", "", Form.ELEMENT),
        ("", 'dc:subject="dog"', Form.ATTRIBUTE),
        ("<dc:subject><rdf:Bag><rdf:_1>dog</rdf:_1></rdf:Bag></dc:subject>", "", Form.BAG),
        (
            (
                '<dc:subject><rdf:Bag><rdf:li rdf:parseType="Resource"><rdf:value>dog</rdf:value>'
                "</rdf:li></rdf:Bag></dc:subject>"
            ),
            "",
            Form.BAG,
        ),
        (bag("dc:subject", "<![CDATA[dog]]>"), "", Form.BAG),
        (bag("dc:subject", "d<!-- no -->og"), "", Form.BAG),
    ],
)
def test_list_is_read_in_every_form(body: str, attributes: str, form: Form) -> None:
    found = xmp.parse(sidecar(body, attributes)).fields

    assert found == {Field.SUBJECT: Values(form, ("dog",))}


def test_field_without_values_is_there() -> None:
    assert xmp.parse(sidecar(bag("dc:subject"))).fields == {Field.SUBJECT: Values(Form.BAG)}
    assert xmp.parse(sidecar()).fields == {}


def test_several_descriptions_are_one_document() -> None:
    first = f"<rdf:Description>{bag('dc:subject', 'dog')}</rdf:Description>"
    second = f"<rdf:Description>{bag('dc:subject', 'sea', form='Seq')}</rdf:Description>"

    found = xmp.parse(documents.document(first + second)).fields[Field.SUBJECT]

    assert found == Values(Form.BAG, ("dog", "sea"))


def test_metadata_of_an_ingredient_is_not_the_photos() -> None:
    inner = f"<rdf:Description>{bag('dc:subject', 'not mine')}</rdf:Description>"
    pantry = f'<x:P xmlns:x="x/"><rdf:Bag><rdf:li>{inner}</rdf:li></rdf:Bag></x:P>'

    assert xmp.parse(sidecar(bag("dc:subject", "dog") + pantry)).fields[Field.SUBJECT].values == (
        "dog",
    )


TEXT = sidecar(bag("dc:subject", "caf\u00e9")).decode()


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-32"),
        b"\n " + TEXT.encode() + b"\0\0 \n" * 500,
        TEXT.replace("><", ">\r\n<").encode(),
        b'<?xml version="1.0" encoding="ISO-8859-1"?>\n'
        + TEXT.replace("\ufeff", "").encode("latin-1"),
        b'<?xml version="1.0" encoding="UTF-16"?>' + TEXT.encode(),
        TEXT[TEXT.index("<x:") : TEXT.index("<?xpacket end")].encode(),
        TEXT[TEXT.index("<rdf:RDF") : TEXT.index("</x:")].encode(),
    ],
    ids=["utf-16", "le", "be", "bom", "utf-32", "padded", "crlf", "latin", "lies", "bare", "rdf"],
)
def test_every_encoding_and_wrapping_is_read(data: bytes) -> None:
    found = xmp.parse(data)

    assert found.fields[Field.SUBJECT].values == ("caf\u00e9",)
    assert not found.is_repaired


@pytest.mark.parametrize(
    "bad", ["\u0001", "&#0;", "&#xFFFF;", "&#99999999999;", "\udce9"], ids=ascii
)
def test_bad_character_costs_one_word(bad: str) -> None:
    data = sidecar(bag("dc:subject", "dog", "BAD")).replace(
        b"BAD", f"caf{bad}".encode(errors="surrogateescape")
    )

    assert words(data) == ["dog"]
    assert xmp.parse(data).is_repaired
    with pytest.raises(MetadataError, match="not well-formed"):
        document.load(data)


def test_ampersand_that_nobody_escaped_is_one() -> None:
    assert words(sidecar(bag("dc:subject", "R&B", "A&amp;B"))) == ["R&B", "A&B"]


BILLION = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        SUBJECT[:-60],
        b'<!DOCTYPE a [<!ENTITY b "dog">]>' + SUBJECT,
        f'<!DOCTYPE a [<!ENTITY l0 "dog">{BILLION}]><a>&l9;</a>'.encode(),
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<?xml version="1.0" encoding="none"?>' + SUBJECT,
        b'<?xml version="1.0" encoding="punycode"?>' + SUBJECT,
        b"<a>" * 100_000,
        sidecar("<dc:x>" * 100 + "</dc:x>" * 100),
        sidecar(bag("dc:subject", *["a"] * 100_001)),
        sidecar("", " ".join(f'dc:a{n}=""' for n in range(100_001))),
        SUBJECT + b" " * document.MAX_BYTES,
        b"<html><body/></html>",
        b"<a>" + SUBJECT[SUBJECT.index(b"<x:") : SUBJECT.index(b"<?xpacket end")] * 2 + b"</a>",
    ],
    ids=[
        *("empty", "binary", "cut", "entity", "billion laughs", "external", "encoding", "punycode"),
        *("unclosed", "deep", "many", "attributes", "long", "html", "two"),
    ],
)
def test_hostile_document_is_refused_with_a_reason(data: bytes) -> None:
    found = xmp.parse(data)

    assert found.problem
    assert found == xmp.Xmp(problem=found.problem)
    with pytest.raises(MetadataError):
        document.load(data)


@settings(max_examples=200)
@given(st.binary(max_size=300), st.integers(0, len(SUBJECT)), st.integers(0, 300))
def test_random_bytes_in_a_document_raise_nothing(noise: bytes, at: int, cut: int) -> None:
    for data in (noise, SUBJECT[:at] + noise + SUBJECT[at + cut :]):
        found = xmp.parse(data)
        assert len(keywords.collect(found.fields)) <= keywords.MAX_KEYWORDS


TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=40)


@given(st.dictionaries(st.sampled_from([*Field]), st.lists(TEXTS, max_size=8)))
def test_any_values_are_read_and_bounded(fields: dict[Field, list[str]]) -> None:
    given_values = {field: Values(Form.BAG, tuple(texts)) for field, texts in fields.items()}

    for keyword in keywords.collect(given_values):
        assert 0 < len(keyword.word) <= 100
        assert len(keyword.broader) < keywords.MAX_LEVELS


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        ("48,51.5N", "2,21.0E", (48.858333, 2.35)),
        ("33,51,30S", "151,12,30E", (-33.858333, 151.208333)),
        ("-33.85", "151.2", (-33.85, 151.2)),
        ("48.85N", "2.35W", (48.85, -2.35)),
    ],
)
def test_position_is_read(latitude: str, longitude: str, expected: tuple[float, float]) -> None:
    attributes = f'exif:GPSLatitude="{latitude}" exif:GPSLongitude="{longitude}"'

    assert xmp.parse(sidecar("", attributes)).position == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("latitude", ["", "91,0N", "north", "0,0N", "1e5", "48,51.5,1,1N"])
def test_position_without_sense_is_none(latitude: str) -> None:
    attributes = f'exif:GPSLatitude="{latitude}" exif:GPSLongitude="0,0E"'

    assert xmp.parse(sidecar("", attributes)).position is None


def test_date_of_the_shot_comes_before_that_of_the_file() -> None:
    attributes = 'xmp:CreateDate="2020-01-01T00:00:00" exif:DateTimeOriginal="1987-06"'

    taken = xmp.parse(sidecar("", attributes)).taken

    assert taken is not None
    assert (taken.at.year, taken.precision) == (1987, TakenPrecision.MONTH)


def test_zone_of_the_shot_may_stand_beside_it() -> None:
    attributes = 'exif:DateTimeOriginal="2020-01-01T10:00:00" exifEX:OffsetTimeOriginal="-05:30"'

    taken = xmp.parse(sidecar("", attributes)).taken

    assert taken is not None
    assert taken.offset_minutes == -330


def test_marker_is_read() -> None:
    body = "<kadr:Version>1</kadr:Version>" + bag("kadr:Confirmed", "Mimi") + bag("kadr:Proposed")

    assert xmp.parse(sidecar(body)).marker == xmp.Marker("1", ("Mimi",))
    assert xmp.parse(SUBJECT).marker is None


def test_extension_of_the_photo_is_read() -> None:
    assert xmp.parse(sidecar("", 'photoshop:SidecarForExtension="cr2"')).sidecar_for == "CR2"


def test_exiv2_finds_what_kadr_finds(tmp_path: Path) -> None:
    """Oracle: another library, which digiKam and darktable use."""
    path = tmp_path / "p.jpg.xmp"
    path.write_bytes(
        sidecar(
            bag("dc:subject", "fox", "AC/DC")
            + bag("lr:hierarchicalSubject", "animals|fox")
            + bag("digiKam:TagsList", "animals/fox", form="Seq")
        )
    )
    seen = readers.read_fields(path)
    found = xmp.parse(path.read_bytes()).fields

    names = {readers.DC: Field.SUBJECT, readers.LR: Field.HIERARCHY, readers.TAGS: Field.TAGS_LIST}
    for key, field in names.items():
        assert tuple(seen[key]) == found[field].values
        assert readers.read_types(path)[key] == f"Xmp{found[field].form}"


def test_document_that_exiv2_changed_keeps_the_marker(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg.xmp"
    path.write_bytes(sidecar(bag("dc:subject", "dog") + bag("kadr:Proposed", "dog")))

    readers.add_words(path, "sea")

    found = xmp.parse(path.read_bytes())
    assert found.fields[Field.SUBJECT].values == ("dog", "sea")
    assert found.marker == xmp.Marker(proposed=("dog",))
