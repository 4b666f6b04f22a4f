"""`kadr status` and `kadr failures` name what cannot be read and what is away."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog.cli import lazy
from catalog.cli.commands import COMMANDS
from catalog.db.database import open_database
from catalog.paths import FileStat
from catalog.photos import files, roots
from catalog.photos.files import SeenFile
from tests.support.catalogue import NOW, add_photos


@pytest.fixture
def root(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a root with one photo and a folder that cannot be read, in the catalogue."""
    monkeypatch.setenv("KADR_DATABASE_URL", sqlite_url)
    folder = tmp_path / "disk"
    (folder / "closed").mkdir(parents=True)
    reason = "closed/: the folder cannot be read, nor any photo in it; allow Kadr's user to read it"
    with open_database(sqlite_url, upgrade=False) as opened, opened.write() as session:
        add_photos(session, "a.jpg", root=str(folder))
        root_id = roots.register_root(session, folder).id
        closed = SeenFile("closed/", FileStat(0, 0), None, failure=reason)
        files.register_files(session, root_id, [closed], now=NOW)
    return folder


def run(*arguments: str) -> str:
    return CliRunner().invoke(lazy.build(COMMANDS), arguments, catch_exceptions=False).stdout


def test_a_folder_that_cannot_be_read_is_counted_and_named(root: Path) -> None:
    assert "1  files that cannot be read (`kadr failures`)" in run("status")
    shown = " ".join(run("failures").split())
    assert "closed/: the folder cannot be read" in shown
    assert "is away" not in run("status")


def test_a_root_that_is_away_is_named(root: Path) -> None:
    shutil.move(root, root.with_name("elsewhere"))
    assert f"{root} is away or empty: mount it" in run("status").replace("\n", "")

    root.mkdir()  # where a disk is not mounted, an empty folder is
    assert f"{root} is away or empty: mount it" in run("status").replace("\n", "")
