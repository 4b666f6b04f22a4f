"""What is written into a sidecar: the catalogue's words in three fields; all else stays."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog.said import Keyword
from tests.support import readers
from tests.support.xmp import bag, document, sidecar
from worker.errors import MetadataError
from worker.metadata import composing, editing, keywords, xmp
from worker.metadata.composing import Added, Composed, Style, Wanted
from worker.metadata.document import load
from worker.metadata.xmp import Field, Form

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DC, LR, TAGS = Field.SUBJECT, Field.HIERARCHY, Field.TAGS_LIST
BEAGLE = Wanted(confirmed=(("animal", "dog", "beagle"),))


def write(data: bytes | None, wanted: Wanted, **options: object) -> bytes:
    """Return the new bytes of a sidecar; None for one that is not there yet."""
    made = compose(data, wanted, **options)
    assert made.data is not None
    return made.data


def compose(data: bytes | None, wanted: Wanted, **options: object) -> Composed:
    before = composing.new_document(None) if data is None else data
    return composing.compose(before, wanted, now=NOW, **options)  # type: ignore[arg-type]


def fields(data: bytes) -> dict[str, list[str]]:
    found = xmp.read(load(data)).fields
    return {each: list(values.values) for each, values in found.items()}


def canonical(data: bytes) -> bytes:
    return editing.foreign_part(load(data))


def test_new_sidecar_has_three_fields_that_exiv2_knows_by_their_types(tmp_path: Path) -> None:
    file = tmp_path / "IMG.jpg.xmp"
    file.write_bytes(write(None, BEAGLE))

    found = readers.read_fields(file)
    assert found[readers.DC] == ["beagle"]
    assert found[readers.LR] == ["animal|dog|beagle"]
    assert found[readers.TAGS] == ["animal/dog/beagle"]
    types = readers.read_types(file)
    assert [types[key] for key in (readers.DC, readers.LR, readers.TAGS)] == [
        "XmpBag",
        "XmpBag",
        "XmpSeq",
    ]
    assert readers.as_digikam({}, found) == ["beagle"]
    assert readers.as_immich({}, found) == ["animal/dog/beagle"]
    assert readers.as_darktable({}, found) == ["animal|dog|beagle"]
    assert readers.as_photoprism({}, found) == ["beagle"]
    assert readers.as_lightroom({}, found) == []


def test_second_write_changes_nothing() -> None:
    for before in (
        None,
        sidecar(bag("dc:subject", "sea")),
        sidecar("", 'lr:hierarchicalSubject="a|b"'),
    ):
        data = write(before, BEAGLE)
        assert composing.compose(data, BEAGLE, now=NOW).data is None


def test_order_of_words_is_no_reason_to_write() -> None:
    data = write(None, Wanted(confirmed=(("dog",), ("sea",))))

    assert composing.compose(data, Wanted(confirmed=(("sea",), ("dog",))), now=NOW).data is None


def test_every_field_holds_all_words_of_the_others() -> None:
    data = write(sidecar(bag("dc:subject", "Größe", "sea")), BEAGLE)

    assert fields(data)[DC] == ["Größe", "sea", "beagle"]
    assert fields(data)[LR] == ["Größe", "sea", "animal|dog|beagle"]
    assert fields(data)[TAGS] == ["Größe", "sea", "animal/dog/beagle"]


def test_paths_of_others_are_completed_by_their_own_ancestors() -> None:
    data = write(sidecar(bag("digiKam:TagsList", "Places/Malmö", form="Seq")), BEAGLE)

    assert fields(data)[DC] == ["Malmö", "beagle"]
    assert fields(data)[LR] == ["Places|Malmö", "animal|dog|beagle"]


def test_word_that_the_file_has_is_left_as_the_file_spells_it() -> None:
    before = sidecar(bag("dc:subject", "Beagle") + bag("lr:hierarchicalSubject", "Pets|Beagle"))
    data = write(before, BEAGLE)

    assert fields(data)[DC] == ["Beagle"]
    assert fields(data)[LR] == ["Pets|Beagle"]
    assert fields(data)[TAGS] == ["Pets/beagle"]
    assert fields(composing.withdraw(data, now=NOW).data or b"") == fields(before)


def test_word_that_we_wrote_goes_and_one_of_others_stays() -> None:
    data = write(sidecar(bag("dc:subject", "sea")), Wanted(confirmed=(("dog",), ("sand",))))
    after = write(data, Wanted(confirmed=(("sand",),), rejected=("dog", "sea")))

    assert fields(after)[DC] == ["sea", "sand"]
    assert fields(after)[TAGS] == ["sand"]
    marker = xmp.read(load(after)).marker
    assert marker is not None
    assert (marker.confirmed, marker.rejected) == (("sand",), ("dog", "sea"))


def test_word_that_another_program_added_meanwhile_is_not_ours() -> None:
    first = write(None, Wanted(confirmed=(("dog",),)))
    edited = first.replace(b"<rdf:li>dog</rdf:li>", b"<rdf:li>dog</rdf:li><rdf:li>sea</rdf:li>", 1)
    after = write(edited, Wanted(confirmed=(("sand",),)))

    assert fields(after)[DC] == ["sea", "sand"]
    assert sorted(fields(after)[LR]) == ["sand", "sea"]


def test_marker_that_was_lost_is_replaced_by_what_the_catalogue_knows() -> None:
    made = compose(sidecar(bag("dc:subject", "sea")), Wanted(confirmed=(("dog",),)))
    parsed = load(made.data or b"")
    for key in ("Version", "Confirmed", "Words", "Paths", "Tags"):
        editing.remove_property(parsed, f"kadr:{key}")
    bare = editing.serialize(parsed, b"")
    added = Added.from_json(made.added.to_json())

    after = composing.withdraw(bare, now=NOW, added=added)
    assert fields(after.data or b"") == {DC: ["sea"]}


@pytest.mark.parametrize(
    "before",
    [
        sidecar(bag("dc:subject", "sea"), 'xmp:Rating="5"'),
        sidecar("", 'xmp:Rating="5"'),
        sidecar("", 'lr:hierarchicalSubject="animal|cat" dc:subject="cat"'),
        sidecar("<dc:subject>cat</dc:subject>"),
        sidecar("<dc:subject><rdf:Bag/></dc:subject>"),
        sidecar(
            "\n  <dc:subject>\n   <rdf:Bag>\n    <rdf:li>cat</rdf:li>\n   </rdf:Bag>"
            "\n  </dc:subject>\n "
        ),
        sidecar(bag("dc:subject", "a") + "<!-- a note --><xmp:Rating>3</xmp:Rating>"),
        sidecar(bag("digiKam:TagsList", "a/b") + bag("dc:subject", "b", form="Seq")),
        sidecar(bag("dc:subject", "dog", "dog")),
        document(
            f"<rdf:Description>{bag('dc:subject', 'x')}</rdf:Description>"
            f"<rdf:Description>{bag('lr:hierarchicalSubject', 'y|x')}</rdf:Description>"
        ),
        document(""),
    ],
)
def test_withdrawing_restores_a_document(before: bytes) -> None:
    data = write(
        before, Wanted(confirmed=(("animal", "dog"),), proposed=(("sea",),), rejected=("x",))
    )
    after = composing.withdraw(data, now=NOW).data or b""

    as_was = xmp.read(load(before)).fields
    assert xmp.read(load(after)).fields == as_was
    if b"<rdf:Description" in before:
        assert _c14n(after) == _c14n(before)


def _c14n(data: bytes) -> bytes:
    from lxml import etree

    return etree.tostring(load(data).tree, method="c14n")


def test_foreign_part_is_what_it_was() -> None:
    before = sidecar(
        bag("dc:subject", "sea")
        + '<crs:ToneCurve xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"><rdf:Seq>'
        "<rdf:li>0, 0</rdf:li></rdf:Seq></crs:ToneCurve><!-- kept -->"
        '<x:odd xmlns:x="urn:unknown"><x:in x:a="1">t<x:b/>u</x:in></x:odd><?pi kept?>'
    )
    data = write(before, BEAGLE)

    assert canonical(data) == canonical(before)
    assert b"<!-- kept -->" in data
    assert b"<?pi kept?>" in data


def test_date_is_set_where_there_is_one() -> None:
    dated = write(sidecar("", 'xmp:MetadataDate="2001-01-01T00:00:00"'), BEAGLE)

    assert b"2026-05-01T" in dated
    assert b"MetadataDate" not in write(sidecar("", 'xmp:Rating="1"'), BEAGLE)
    assert b"2026-05-01T" in write(None, BEAGLE)


def test_separators_in_words_keep_them_out_of_paths() -> None:
    words = ("AC/DC", "a|b", "x, y; z", "👍🏽", "שלום", "é" * 32, "ü" * 33, '&<>"')
    data = write(None, Wanted(confirmed=tuple((word,) for word in words)))

    assert fields(data)[DC] == list(words)
    assert fields(data)[LR] == [word for word in words if "|" not in word]
    assert fields(data)[TAGS] == [word for word in words if "/" not in word]
    assert {each.word for each in keywords.collect(xmp.read(load(data)).fields)} == set(words)


def test_characters_that_xml_does_not_allow_are_left_out() -> None:
    data = write(None, Wanted(confirmed=(("a\0b\ufffe\x1b",), ("\ud800",))))

    assert fields(data)[DC] == ["a b"]


def test_settings_add_a_root_and_broader_words() -> None:
    data = write(None, BEAGLE, style=Style("Kadr", with_broader=True))

    assert fields(data)[DC] == ["beagle", "animal", "dog"]
    assert fields(data)[LR] == ["Kadr|animal|dog|beagle"]
    assert fields(data)[TAGS] == ["Kadr/animal/dog/beagle"]


def test_keywords_of_the_file_are_kept_in_a_sidecar_that_would_hide_them() -> None:
    rating = sidecar("", 'xmp:Rating="3"')

    def embedded() -> list[Keyword]:
        return [Keyword("Größe"), Keyword("Malmö", ("Places",))]

    data = write(rating, BEAGLE, embedded=embedded)
    assert fields(data)[DC] == ["Größe", "Malmö", "beagle"]
    assert fields(data)[LR] == ["Größe", "Places|Malmö", "animal|dog|beagle"]
    known = sidecar(bag("dc:subject", "sea"))
    assert fields(write(known, BEAGLE, embedded=embedded))[DC] == ["sea", "beagle"]


def test_new_sidecar_says_what_the_photos_own_file_says() -> None:
    packet = sidecar(
        bag("dc:subject", "old") + bag("lr:hierarchicalSubject", "tree|old"), 'xmp:Rating="4"'
    )
    embedded = [Keyword("old", ("tree",)), Keyword("iptc")]
    data = write(composing.new_document(packet + b" " * 2048, embedded), BEAGLE)

    assert b'xmp:Rating="4"' in data
    assert fields(data)[DC] == ["old", "iptc", "beagle"]
    assert fields(data)[LR] == ["tree|old", "iptc", "animal|dog|beagle"]
    assert fields(data)[TAGS] == ["tree/old", "iptc", "animal/dog/beagle"]
    theirs = composing.foreign_fields(xmp.read(load(data)))
    assert {each.word for each in keywords.collect(theirs)} == {"old", "iptc"}


def test_packet_of_which_a_part_lies_elsewhere_is_refused() -> None:
    note = 'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="5A"'

    with pytest.raises(MetadataError, match="spread over several parts"):
        composing.new_document(sidecar("", note))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "b">]>' + sidecar(), "DOCTYPE"),
        (b"<x:xmpmeta", "not well-formed"),
        (b"<a/>", "not XMP"),
        (b" " * (9 << 20), "longer than 8 MiB"),
        (sidecar("<dc:subject><dc:odd>x</dc:odd></dc:subject>"), "form that is not known"),
        (sidecar(bag("dc:subject", *(f"w{n}" for n in range(500)))), "more than 500"),
    ],
)
def test_documents_that_must_not_be_written_are_refused_with_a_reason(
    data: bytes, reason: str
) -> None:
    with pytest.raises(MetadataError, match=reason):
        compose(data, BEAGLE)


def test_utf16_windows_lines_and_declarations_are_written_validly() -> None:
    text = sidecar(bag("dc:subject", "Größe")).decode()
    for before in (
        text.encode("utf-16"),
        text.replace("<x:", "\r\n<x:").encode(),
        ('<?xml version="1.0" encoding="UTF-8"?>\n' + text).encode(),
        b"\xef\xbb\xbf" + text.encode(),
    ):
        data = write(before, BEAGLE)
        assert fields(data)[DC] == ["Größe", "beagle"]
        assert canonical(data) == canonical(before)
        assert (b"\r\n" in data) == (b"\r\n" in before)
        assert data.startswith(b"<?xml") == before.startswith(b"<?xml")


def test_rejections_are_noted_beside_the_words_of_others_and_make_no_words() -> None:
    data = write(sidecar(bag("dc:subject", "sea")), Wanted(rejected=("sea",)))

    assert fields(data) == {DC: ["sea"]}
    marker = xmp.read(load(data)).marker
    assert marker is not None
    assert marker.rejected == ("sea",)


def test_withdrawn_words_are_not_written_again() -> None:
    data = write(None, Wanted(confirmed=(("dog",), ("sea",)), withdrawn=("Dog",)))

    assert fields(data)[DC] == ["sea"]


def test_forms_of_others_stay() -> None:
    before = sidecar(bag("lr:hierarchicalSubject", "a|b", form="Seq"))
    data = write(before, BEAGLE)

    assert xmp.read(load(data)).fields[LR].form is Form.SEQ
    assert xmp.read(load(data)).fields[TAGS].form is Form.SEQ
    assert xmp.read(load(data)).fields[DC].form is Form.BAG
