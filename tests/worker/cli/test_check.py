"""`kadr check` compares the catalogue with what is on disk."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from catalog.cli import lazy
from catalog.db.database import Database
from catalog.photos import status
from tests.support import photos
from worker.cli.main import COMMANDS
from worker.watch import ingest, roots, scan


@pytest.fixture
def folder(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Give a folder of two photos that the catalogue knows."""
    monkeypatch.setenv("KADR_DATABASE_URL", database_url)
    monkeypatch.setenv("KADR_CACHE_DIR", str(tmp_path / "cache"))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, photo in enumerate(photos.samples()[:2]):
        shutil.copy(photo, pictures / f"{number}{photo.suffix}")
    (known,) = roots.register(database, [str(pictures)])
    for found in scan.find_changes(database, known.root):
        ingest.take_files(database, known.root, found, lambda _: True)
    return pictures


def run(*arguments: str) -> Result:
    return CliRunner().invoke(lazy.build(COMMANDS), ["check", *arguments], catch_exceptions=False)


def test_what_agrees_is_said_to_agree(folder: Path) -> None:
    result = run()

    assert result.exit_code == 0
    assert "Files, rows, counts and indexes agree." in result.output


def test_files_that_are_new_and_gone_are_counted_and_taken_over(
    folder: Path, database: Database
) -> None:
    first = min(folder.iterdir())
    shutil.copy(first, folder / f"new{first.suffix}")
    with (folder / f"new{first.suffix}").open("ab") as copy:
        copy.write(b"another")
    first.unlink()

    result = run()
    assert result.exit_code == 0  # ordinary work for `kadr tag`
    assert "2 files below" in result.output
    assert "(1 of them gone)" in result.output
    mended = run("--mend", "--json")

    assert [each["is_mended"] for each in json.loads(mended.output)] == [True]
    assert "agree" in run().output
    with database.read() as session:
        assert status.count_states(session).pending == 2


def test_a_root_that_is_away_is_named_and_its_photos_stay(folder: Path, database: Database) -> None:
    shutil.move(folder, folder.with_name("elsewhere"))

    result = run("--mend")

    assert "is away" in result.output
    with database.read() as session:
        assert status.count_states(session).missing == 0


def test_damage_ends_with_status_one_until_it_is_mended(folder: Path, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE photo SET due_at = NULL")

    result = run()
    assert result.exit_code == 1
    assert "bad  2 photos are held by nobody" in result.output

    result = run("--mend")
    assert result.exit_code == 0
    assert "mended  2 photos" in result.output
    with database.read() as session:
        assert status.count_states(session).pending == 2
