"""Sidecars are read whenever they come, change or go, and never cost a ring."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from catalog import query
from catalog.db.database import Database
from catalog.db.tables import Decision, Photo, PhotoTag, Sidecar, Source, Tag
from catalog.said import Keyword, Said
from catalog.tags import decisions, results
from tests.support import catalogue, folders
from tests.support.folders import Folder
from tests.support.xmp import bag, sidecar
from worker.metadata import document
from worker.watch import sidecars


@pytest.fixture
def folder(database: Database, tmp_path: Path) -> Folder:
    return folders.open_folder(database, tmp_path / "photos")


def words(*given: str, more: str = "", attributes: str = "") -> bytes:
    return sidecar(bag("dc:subject", *given) + more, attributes)


def said_by_files(folder: Folder, name: str) -> set[str]:
    """Return the keywords that a photo has from metadata."""
    chosen = (
        select(Tag.name)
        .join(PhotoTag, PhotoTag.tag_id == Tag.id)
        .where(PhotoTag.photo_id == folder.photo_ids()[name], PhotoTag.source == Source.METADATA)
    )
    with folder.database.read() as session:
        return set(session.scalars(chosen))


def photo(folder: Folder, name: str) -> Photo:
    with folder.database.read() as session:
        return session.get_one(Photo, folder.photo_ids()[name])


def row(folder: Folder, path: str) -> Sidecar:
    with folder.database.read() as session:
        return session.scalars(select(Sidecar).where(Sidecar.path == path)).one()


def tagged(folder: Folder, name: str, *embedded: str) -> int:
    """Register and tag a photo whose file says these keywords; return its id."""
    folder.write(name)
    folder.compare()
    photo_id = folder.tag(name, "sky")
    with folder.database.write() as session:
        said = Said(tuple(Keyword(word) for word in embedded), has_keywords=bool(embedded))
        results.record_metadata(session, {photo_id: said}, words={}, now=catalogue.NOW)
    folder.rung.clear()
    return photo_id


@pytest.mark.parametrize("name", ["a.jpg.xmp", "a.xmp", "a.XMP", "a.JPG.XMP"])
def test_sidecar_that_comes_later_is_read_and_rings_nothing(folder: Folder, name: str) -> None:
    photo_id = tagged(folder, "a.jpg")
    folder.write(name, words("evening"))

    assert folder.compare() == [name]

    assert said_by_files(folder, "a.jpg") == {"evening"}
    assert folder.rung == []
    assert folder.history(photo_id)[-1] == "metadata_read"
    assert folder.compare() == []


def test_sidecar_that_was_there_before_the_photo_is_read_with_it(folder: Folder) -> None:
    folder.write("a.jpg.xmp", words("evening"))
    folder.compare()
    assert "belongs to no photo" in (row(folder, "a.jpg.xmp").failure or "")

    folder.write("a.jpg")
    folder.take("a.jpg")

    assert said_by_files(folder, "a.jpg") == {"evening"}
    assert row(folder, "a.jpg.xmp").failure is None


def test_word_that_went_from_a_sidecar_goes_unless_a_person_confirmed_it(folder: Folder) -> None:
    photo_id = tagged(folder, "a.jpg")
    folder.write("a.jpg.xmp", words("evening", "sea"))
    folder.compare()
    with folder.database.write() as session:
        decisions.confirm(session, [photo_id], ["sea"], now=catalogue.NOW)

    folder.write("a.jpg.xmp", words("morning"))
    folder.compare()

    assert folder.tags(photo_id) == {"sky", "sea", "morning"}


def test_words_go_with_their_sidecar(folder: Folder) -> None:
    tagged(folder, "a.jpg", "inside")
    folder.write("a.jpg.xmp", words("beside"))
    folder.compare()
    assert said_by_files(folder, "a.jpg") == {"beside"}

    (folder.top / "a.jpg.xmp").unlink()
    folder.compare()

    assert said_by_files(folder, "a.jpg") == {"inside"}


def test_sidecar_replaces_the_keywords_of_the_file_even_if_it_has_none(folder: Folder) -> None:
    tagged(folder, "a.jpg", "inside")

    folder.write("a.jpg.xmp", words())
    folder.compare()
    assert said_by_files(folder, "a.jpg") == set()

    folder.write("a.jpg.xmp", sidecar("", 'photoshop:City="Malm"'))
    folder.compare()
    assert said_by_files(folder, "a.jpg") == {"inside"}


def test_field_that_was_others_still_replaces_the_files_keywords(folder: Folder) -> None:
    tagged(folder, "a.jpg", "inside")
    folder.write("a.jpg.xmp", words("Mimi", more=bag("kadr:Words", "Mimi")))
    folder.compare()
    assert said_by_files(folder, "a.jpg") == {"inside"}

    note = bag("kadr:Before", "dc:subject empty")
    folder.write("a.jpg.xmp", words("Mimi", more=bag("kadr:Words", "Mimi") + note))
    folder.compare()
    assert said_by_files(folder, "a.jpg") == set()


def test_both_sidecars_of_a_photo_count(folder: Folder) -> None:
    tagged(folder, "a.jpg")
    folder.write("a.jpg.xmp", words("one"))
    folder.write("a.xmp", words("two"))
    folder.compare()

    assert said_by_files(folder, "a.jpg") == {"one", "two"}


def test_shared_sidecar_belongs_to_the_raw_file_or_to_whom_it_names(folder: Folder) -> None:
    tagged(folder, "a.jpg")
    tagged(folder, "a.cr3")
    folder.write("a.xmp", words("raw"))
    folder.compare()
    assert (said_by_files(folder, "a.cr3"), said_by_files(folder, "a.jpg")) == ({"raw"}, set())

    folder.write("a.xmp", words("jpeg", attributes='photoshop:SidecarForExtension="JPG"'))
    folder.compare()
    assert (said_by_files(folder, "a.cr3"), said_by_files(folder, "a.jpg")) == (set(), {"jpeg"})


def test_photos_of_one_name_in_two_folders_have_their_own(folder: Folder) -> None:
    for place in ("1", "2"):
        tagged(folder, f"{place}/a.jpg")
        folder.write(f"{place}/a.xmp", words(f"word {place}"))
    folder.compare()

    assert said_by_files(folder, "1/a.jpg") == {"word 1"}
    assert said_by_files(folder, "2/a.jpg") == {"word 2"}


def test_each_place_of_a_photo_has_its_own_sidecar(folder: Folder) -> None:
    tagged(folder, "a.jpg")
    folder.write("copy.jpg", "a.jpg")
    folder.write("a.jpg.xmp", words("one"))
    folder.write("copy.jpg.xmp", words("two"))
    folder.compare()
    assert said_by_files(folder, "a.jpg") == {"one", "two"}

    (folder.top / "copy.jpg").unlink()
    folder.compare()
    folder.write("a.jpg.xmp", words("three"))
    folder.compare()

    assert said_by_files(folder, "a.jpg") == {"three"}


def test_date_and_position_of_the_sidecar_come_before_the_files(folder: Folder) -> None:
    tagged(folder, "a.jpg")
    place = 'exif:GPSLatitude="48,51.5N" exif:GPSLongitude="2,21.0E"'
    folder.write("a.jpg.xmp", sidecar("", f'exif:DateTimeOriginal="1987-06" {place}'))
    folder.compare()

    found = photo(folder, "a.jpg")
    assert found.taken_at == datetime(1987, 6, 1)  # noqa: DTZ001
    assert found.taken_precision == "month"
    assert found.latitude == pytest.approx(48.8583, abs=1e-3)
    assert found.fact_sources == {"taken_at": "XMP of a.jpg.xmp", "latitude": "XMP of a.jpg.xmp"}


def test_json_of_google_takeout_gives_date_and_position(folder: Folder) -> None:
    data = {
        "photoTakenTime": {"timestamp": "1603022400"},
        "geoData": {"latitude": 1.5, "longitude": 2.5},
    }
    folder.write("a.jpg.supplemental-metadata.json", json.dumps(data))
    tagged(folder, "a.jpg")

    found = photo(folder, "a.jpg")
    assert (str(found.taken_at), found.taken_offset_minutes) == ("2020-10-18 12:00:00", 0)
    assert (found.latitude, found.longitude) == (1.5, 2.5)


def test_broader_words_become_parents_and_no_keywords(folder: Folder) -> None:
    tagged(folder, "a.jpg")
    folder.write(
        "a.jpg.xmp",
        sidecar(bag("lr:hierarchicalSubject", "Places|Europe|Malm\u00f6", "Malm\u00f6|Places")),
    )
    folder.compare()

    assert said_by_files(folder, "a.jpg") == {"Malm\u00f6", "Places"}
    linked = select(Tag.name, Tag.parent_id)
    with folder.database.read() as session:
        names = dict(session.execute(select(Tag.id, Tag.name)).all())
        parents = {name: names.get(parent) for name, parent in session.execute(linked)}
    assert parents["Malm\u00f6"] == "Europe"
    assert parents["Places"] is None or parents["Europe"] is None


def test_broader_words_are_keywords_where_that_is_wanted(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KADR_READ_ANCESTORS", "1")
    tagged(folder, "a.jpg")
    folder.write("a.jpg.xmp", sidecar(bag("lr:hierarchicalSubject", "Animals|Fox")))
    folder.compare()

    assert said_by_files(folder, "a.jpg") == {"Animals", "Fox"}


def test_word_of_a_model_becomes_the_files_and_goes_with_it(folder: Folder) -> None:
    photo_id = tagged(folder, "a.jpg")
    folder.write("a.jpg.xmp", words("Sky"))
    folder.compare()
    assert said_by_files(folder, "a.jpg") == {"sky"}

    folder.write("a.jpg.xmp", words())
    folder.compare()
    assert folder.tags(photo_id) == set()


def test_rejected_word_of_a_sidecar_stays_rejected(folder: Folder) -> None:
    photo_id = tagged(folder, "a.jpg")
    with folder.database.write() as session:
        decisions.reject(session, [photo_id], ["evening"], now=catalogue.NOW)
    folder.write("a.jpg.xmp", words("evening"))
    folder.compare()

    with folder.database.read() as session:
        decided = select(PhotoTag.decision).where(PhotoTag.decision.is_not(None))
        assert session.scalars(decided).all() == [Decision.REJECTED]


MARKED = words(
    *("Mimi", "guess", "theirs"),
    more=bag("kadr:Words", "Mimi", "guess")
    + bag("kadr:Confirmed", "Mimi", "theirs")
    + bag("kadr:Proposed", "guess")
    + bag("kadr:Rejected", "animal"),
)


def test_new_catalogue_gets_decisions_back_and_takes_no_guess_for_truth(folder: Folder) -> None:
    folder.write("a.jpg.xmp", MARKED)
    photo_id = tagged(folder, "a.jpg")

    rows = (
        select(Tag.name, PhotoTag.source, PhotoTag.decision)
        .join(Tag, Tag.id == PhotoTag.tag_id)
        .where(PhotoTag.photo_id == photo_id)
    )
    with folder.database.read() as session:
        found = {name: (source, decision) for name, source, decision in session.execute(rows)}
    assert found == {
        "Mimi": (Source.PERSON, Decision.CONFIRMED),
        "theirs": (Source.PERSON, Decision.CONFIRMED),
        "animal": (Source.PERSON, Decision.REJECTED),
        "sky": (Source.CLIP, None),
    }
    assert row(folder, "a.jpg.xmp").wrote == {"flat": ["Mimi", "guess"], "paths": [], "tags": []}


def test_marker_is_no_evidence_once_its_words_are_known(folder: Folder) -> None:
    folder.write("a.jpg.xmp", MARKED)
    photo_id = tagged(folder, "a.jpg")
    with folder.database.write() as session:
        decisions.undo(session, now=catalogue.NOW)
        decisions.undo(session, now=catalogue.NOW)

    folder.write("a.jpg.xmp", MARKED + b"\n")
    folder.compare()

    assert folder.tags(photo_id) == {"sky", "theirs"}


def test_our_word_that_another_program_took_out_is_withdrawn(folder: Folder) -> None:
    folder.write("a.jpg.xmp", MARKED)
    photo_id = tagged(folder, "a.jpg")

    folder.write("a.jpg.xmp", MARKED.replace(b"<rdf:li>Mimi</rdf:li>", b"", 1))
    folder.compare()

    assert row(folder, "a.jpg.xmp").withdrawn == {"flat": ["Mimi"]}
    assert "Mimi" in folder.tags(photo_id)
    assert "withdrawn" in folder.history(photo_id)
    with folder.database.read() as session:
        assert query.find_ids(session, "is:withdrawn") == [photo_id]

    folder.write("a.jpg.xmp", MARKED)
    folder.compare()
    assert row(folder, "a.jpg.xmp").withdrawn is None


def test_word_that_was_taken_out_is_rejected_where_that_is_wanted(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KADR_REMOVED_ELSEWHERE", "reject")
    folder.write("a.jpg.xmp", MARKED)
    photo_id = tagged(folder, "a.jpg")

    folder.write("a.jpg.xmp", MARKED.replace(b"<rdf:li>Mimi</rdf:li>", b"", 1))
    folder.compare()

    decided = select(PhotoTag.decision).join(Tag, Tag.id == PhotoTag.tag_id)
    with folder.database.read() as session:
        found = session.scalars(decided.where(Tag.name == "Mimi", PhotoTag.photo_id == photo_id))
        assert found.all() == [Decision.REJECTED]


def test_file_that_kadr_wrote_itself_changes_nothing(folder: Folder) -> None:
    folder.write("a.jpg.xmp", MARKED)
    photo_id = tagged(folder, "a.jpg")
    smaller = MARKED.replace(b"<rdf:li>Mimi</rdf:li>", b"", 1)
    with folder.database.write() as session:
        sidecar_row = session.scalars(select(Sidecar)).one()
        sidecar_row.wrote_sha256 = folders.digest(smaller)
    before = folder.history(photo_id)

    folder.write("a.jpg.xmp", smaller)
    folder.compare()

    assert row(folder, "a.jpg.xmp").withdrawn is None
    assert folder.history(photo_id) == before


def test_sidecar_that_moved_with_its_photo_is_still_known(folder: Folder) -> None:
    folder.write("a.jpg.xmp", MARKED)
    tagged(folder, "a.jpg")
    (folder.top / "b").mkdir()
    for name in ("a.jpg", "a.jpg.xmp"):
        (folder.top / name).rename(folder.top / "b" / name)
    folder.compare()

    assert row(folder, "b/a.jpg.xmp").wrote == row(folder, "a.jpg.xmp").wrote
    assert row(folder, "a.jpg.xmp").missing_since is not None


def test_refused_sidecar_is_reported_and_harms_nothing(folder: Folder) -> None:
    photo_id = tagged(folder, "a.jpg", "inside")
    folder.write("a.jpg.xmp", b'<!DOCTYPE a [<!ENTITY b "dog">]>' + words("&b;"))
    folder.write("b.jpg.xmp", b" " * (document.MAX_BYTES + 1))
    folder.compare()

    assert "a.jpg.xmp: has a DOCTYPE" in (row(folder, "a.jpg.xmp").failure or "")
    assert "longer than 8 MiB" in (row(folder, "b.jpg.xmp").failure or "")
    assert folder.tags(photo_id) == {"sky", "inside"}


def test_moved_folder_takes_its_sidecars_words_along(folder: Folder) -> None:
    folder.write("old/a.jpg.xmp", words("evening"))
    tagged(folder, "old/a.jpg")
    (folder.top / "old").rename(folder.top / "new")

    folder.compare()

    assert said_by_files(folder, "new/a.jpg") == {"evening"}


def test_folder_that_is_taken_in_by_another_keeps_its_sidecars(folder: Folder) -> None:
    folder.write("a.jpg.xmp", words("evening"))
    tagged(folder, "a.jpg")
    outer = folders.open_folder(folder.database, folder.top.parent)

    assert outer.compare() == []
    assert row(outer, "photos/a.jpg.xmp").words == {"keywords": [["evening"]]}


def test_photos_without_sidecars_cost_no_look_at_all_others_of_their_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    monkeypatch.setattr(sidecars, "PhotosOfFolder", lambda _: pytest.fail("made"))

    assert sidecars._Folder(tmp_path).beside(["a.jpg"]) == set()
