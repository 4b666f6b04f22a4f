"""`kadr export`: every format says what the catalogue knows, in order, whatever paths look like."""

import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import parquet
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from catalog import paths, query
from catalog.cli import lazy
from catalog.cli.commands import COMMANDS
from catalog.db.database import Database, open_database
from catalog.errors import MissingExtraError, OutputError
from catalog.export import formats, photos
from catalog.export.formats import Format
from catalog.tags import decisions, store
from catalog.tags.store import TagSpec
from tests.support.catalogue import NOW, add_photos, tag_photo
from worker.vocabulary import file as vocabulary_file

SPECS = {
    "beagle": TagSpec("beagle", (("beagles", None),), ("dog", "animal")),
    "dog": TagSpec("dog", (("hound", None),), ("animal",)),
}


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as opened:
        yield opened


@pytest.fixture
def ids(session: Session) -> list[int]:
    return fill(session)


def fill(session: Session) -> list[int]:
    """Register three photos: a beagle whose "sea" is rejected, a sea with a note, an odd name."""
    found = add_photos(session, "b.jpg", "a/ä;1.jpg", paths.to_text(os.fsdecode(b"odd\xff.jpg")))
    tag_photo(session, found[0], {"beagle": 0.9, "sea": 0.5, "lamp": 0.05}, specs=SPECS)
    tag_photo(session, found[1], {"sea": 0.8}, keywords=("AC/DC", "a|b", "x;;y"))
    tag_photo(session, found[2], {"dog": 0.7})
    decisions.reject(session, [found[0]], ["sea"], now=NOW)
    decisions.confirm(session, [found[2]], ["dog"], now=NOW)
    return found


def written(session: Session, form: Format, text: str = "", least: float | None = None) -> bytes:
    stream = io.BytesIO()
    formats.write(query.prepare(session, text, least=least), form, stream)
    return stream.getvalue()


def test_json_lines_hold_keywords_with_broader_words_and_decisions(
    session: Session, ids: list[int]
) -> None:
    lines = [json.loads(line) for line in written(session, Format.JSONL).splitlines()]

    assert [line["id"] for line in lines] == sorted(ids)
    beagles, _, odd = (next(line for line in lines if line["id"] == each) for each in ids)
    (beagle,) = beagles["keywords"]
    assert (beagle["name"], beagle["path"]) == ("beagle", ["animal", "dog", "beagle"])
    assert beagle["confidence"] == pytest.approx(0.9)
    assert beagles["rejected"] == ["sea"]
    assert odd["keywords"][0]["decision"] == "confirmed"
    assert os.fsencode(odd["path"]) == b"/photos/odd\xff.jpg"


def test_query_and_confidence_choose_photos_and_keywords(session: Session, ids: list[int]) -> None:
    found = [json.loads(line) for line in written(session, Format.JSONL, "sea").splitlines()]
    sure = [json.loads(line) for line in written(session, Format.JSONL, "", 1.0).splitlines()]

    assert [each["id"] for each in found] == [ids[1]]
    assert {line["id"]: [each["name"] for each in line["keywords"]] for line in sure} == {
        ids[0]: [],
        ids[1]: ["AC/DC", "a|b", "x;;y"],
        ids[2]: ["dog"],
    }


def test_csv_keeps_the_bytes_of_paths(session: Session, ids: list[int]) -> None:
    text = written(session, Format.CSV).decode("utf-8", "surrogateescape")
    rows = {int(row["id"]): row for row in csv.DictReader(io.StringIO(text))}

    assert list(rows) == sorted(ids)
    assert os.fsencode(rows[ids[2]]["path"]) == b"/photos/odd\xff.jpg"
    assert rows[ids[1]]["keywords"] == "AC/DC; a|b; x;;y; sea"


def test_exiftools_csv_has_a_line_for_each_file_and_no_word_its_separators_would_split(
    session: Session, ids: list[int]
) -> None:
    add_copy = add_photos(session, "copy/b.jpg")  # another photo, without keywords: no line
    text = written(session, Format.EXIFTOOL_CSV).decode("utf-8", "surrogateescape")
    rows = {row["SourceFile"]: row for row in csv.DictReader(io.StringIO(text))}

    assert len(add_copy) == 1
    assert len(rows) == 3
    assert rows["/photos/b.jpg"] == {
        "SourceFile": "/photos/b.jpg",
        "Subject": "beagle",
        "HierarchicalSubject": "animal|dog|beagle",
        "TagsList": "animal/dog/beagle",
    }
    odd = rows["/photos/a/ä;1.jpg"]
    assert odd["Subject"].split(";;") == ["AC/DC", "a|b", "sea"]
    assert odd["HierarchicalSubject"].split(";;") == ["AC/DC", "sea"]
    assert odd["TagsList"].split(";;") == ["a|b", "sea"]


def test_lightrooms_keyword_list_is_read_back_as_a_vocabulary(
    session: Session, ids: list[int]
) -> None:
    store.ensure_tags(session, ["unused"], store.nothing_known)
    text = written(session, Format.LIGHTROOM_KEYWORDS).decode()

    assert "animal\n\tdog\n\t\t{hound}\n\t\tbeagle\n\t\t\t{beagles}\n" in text
    assert "unused" not in text
    vocabulary, _ = vocabulary_file.parse(text, name="list", source="list.txt")
    beagle = vocabulary.find("beagles")
    assert beagle is not None
    assert (beagle.word, beagle.parents) == ("beagle", ("dog", "animal"))


def test_parquet_has_a_row_for_each_photo(session: Session, ids: list[int]) -> None:
    table = parquet.read_table(io.BytesIO(written(session, Format.PARQUET))).to_pylist()

    assert [row["id"] for row in table] == sorted(ids)
    rows = {row["id"]: row for row in table}
    assert rows[ids[0]]["keywords"][0]["path"] == ["animal", "dog", "beagle"]
    assert rows[ids[0]]["added_at"] == NOW
    assert rows[ids[2]]["path"] == "/photos/odd\ufffd.jpg"


def test_photos_are_read_a_batch_at_a_time(
    session: Session, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "BATCH", 2)

    assert [each.photo.id for each in photos.stream(query.prepare(session, ""))] == sorted(ids)
    assert not any(getattr(each, "sha256", None) for each in session.identity_map.values())


def test_missing_pyarrow_is_said_with_what_to_install(
    session: Session, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "catalog.export.parquet", raising=False)
    monkeypatch.delattr("catalog.export.parquet", raising=False)

    with pytest.raises(MissingExtraError, match=r"pip install 'kadr\[parquet\]'"):
        written(session, Format.PARQUET)


def run(*arguments: str) -> bytes:
    result = CliRunner().invoke(
        lazy.build(COMMANDS), ["export", *arguments], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout_bytes


@pytest.fixture
def catalogue(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KADR_DATABASE_URL", sqlite_url)
    with open_database(sqlite_url, upgrade=True) as opened, opened.write() as session:
        fill(session)


@pytest.mark.usefixtures("catalogue")
def test_command_writes_to_standard_output_or_a_file(tmp_path: Path) -> None:
    target = tmp_path / "photos.jsonl"

    assert len(run().splitlines()) == 3
    assert b"1 photo written to" in run("sea", "--output", str(target))
    assert len(target.read_text(encoding="utf-8").splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == sorted([target, *tmp_path.glob("kadr.db*")])


@pytest.mark.usefixtures("catalogue")
def test_file_that_cannot_be_written_is_said_and_the_old_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "photos.jsonl"
    target.write_text("before", encoding="utf-8")
    with pytest.raises(OutputError, match=r"no-such-folder/x\.jsonl: cannot be written"):
        run("--output", str(tmp_path / "no-such-folder" / "x.jsonl"))

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="No space left"):
        run("--output", str(target))
    assert target.read_text(encoding="utf-8") == "before"
    assert not list(tmp_path.glob(".photos*"))


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("path:b.jpg", "--min-confidence 0.7 writes those of a model"),
        ("path:nowhere.jpg", "no photo is found"),
    ],
)
def test_an_empty_export_says_why(text: str, why: str) -> None:
    arguments = ["export", "--format", "exiftool-csv", text]
    result = CliRunner().invoke(lazy.build(COMMANDS), arguments, catch_exceptions=False)

    assert why in " ".join(result.stderr.split())
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.usefixtures("catalogue")
def test_a_models_words_get_into_originals_only_when_asked_for() -> None:
    said = run("--format", "exiftool-csv").decode("utf-8", "surrogateescape")
    guessed = run("--format", "exiftool-csv", "--min-confidence", "0.1")

    rows = {row["SourceFile"]: row["Subject"] for row in csv.DictReader(io.StringIO(said))}
    assert rows["/photos/a/ä;1.jpg"] == "AC/DC;;a|b"
    assert "beagle" not in said
    assert b"beagle" in guessed
