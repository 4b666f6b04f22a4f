"""`kadr metadata read` and `status`, and `kadr show`: what was read, and where it came from."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog.db.database import Database, open_database
from catalog.photos import said
from tests.support import folders, photos
from tests.support.folders import Folder
from tests.support.xmp import bag, sidecar
from worker import cli


@pytest.fixture
def folder(tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Return a folder with a tagged photo, a sidecar that was not seen yet, and one of nobody."""
    monkeypatch.setenv("KADR_DATABASE_URL", sqlite_url)
    database: Database = open_database(sqlite_url, upgrade=True)
    folder = folders.open_folder(database, tmp_path / "photos")
    photos.save(folder.top / "IMG-20201018-WA0007.jpg", xmp=photos.xmp(["dog"]))
    folder.compare()
    folder.tag("IMG-20201018-WA0007.jpg", "sky")
    with database.write() as session:
        said.forget_embedded(session, [1])
    position = 'exif:GPSLatitude="48,51.5N" exif:GPSLongitude="2,21.0E"'
    (folder.top / "IMG-20201018-WA0007.xmp").write_bytes(
        sidecar(bag("dc:subject", "cat"), position)
    )
    (folder.top / "other.xmp").write_bytes(sidecar(bag("dc:subject", "cow")))
    return folder


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli.build(), arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_metadata_is_read_again_when_asked(folder: Folder) -> None:
    assert "1 photo and 1 sidecar read" in run("metadata", "read", "sky")

    shown = json.loads(run("show", "1", "--json"))[0]
    assert {word["name"] for word in shown["keywords"]} == {"sky", "cat"}
    assert shown["taken_precision"] == "day"
    assert shown["fact_sources"] == {
        "taken_at": "file name",
        "latitude": "XMP of IMG-20201018-WA0007.xmp",
    }
    assert [Path(each["path"]).name for each in shown["sidecars"]] == ["IMG-20201018-WA0007.xmp"]


def test_show_says_where_each_fact_came_from(folder: Folder) -> None:
    run("metadata", "read")
    shown = run("show", "1")

    assert "2020-10-18  (file name)" in shown
    assert "48.85833, 2.35000  (XMP of IMG-20201018-WA0007.xmp)" in shown


def test_status_counts_what_was_read_and_says_why_not(folder: Folder) -> None:
    assert json.loads(run("metadata", "status", "--json"))["unread"] == 1
    folder.compare()
    run("metadata", "read")

    counts = json.loads(run("metadata", "status", "--json"))
    assert (counts["read"], counts["unread"], counts["sidecars"]) == (1, 0, 1)
    assert (counts["unclaimed"], counts["refused"], counts["withdrawn"]) == (1, 0, 0)
    assert "other.xmp: belongs to no photo" in run("metadata", "status")


def test_query_that_finds_nothing_reads_nothing(folder: Folder) -> None:
    assert json.loads(run("metadata", "read", "cow", "--json")) == {"photos": 0, "sidecars": 0}
