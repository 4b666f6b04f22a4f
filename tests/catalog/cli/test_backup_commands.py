"""`kadr backup` and `kadr restore` as a person types them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog.cli import lazy
from catalog.cli import restore as restore_command
from catalog.cli.commands import COMMANDS
from catalog.db.database import open_database
from catalog.errors import BackupError
from catalog.photos import status
from tests.support.catalogue import add_photos


@pytest.fixture
def backup(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a backup of two photos; the catalogue that commands open holds a third one."""
    monkeypatch.setenv("KADR_DATABASE_URL", sqlite_url)
    file = tmp_path / "kadr.backup"
    with open_database(sqlite_url, upgrade=False) as database:
        with database.write() as session:
            add_photos(session, "a.jpg", "b.jpg")
        assert "2 photos" in run("backup", str(file))
        with database.write() as session:
            add_photos(session, "c.jpg")
    return file


def run(*arguments: str, typed: str | None = None, status: int = 0) -> str:
    result = CliRunner().invoke(
        lazy.build(COMMANDS), arguments, input=typed, catch_exceptions=False
    )
    assert result.exit_code == status, result.output
    return result.output


def count(url: str) -> int:
    with open_database(url, upgrade=False) as database, database.read() as session:
        return status.count_states(session).pending


def test_without_anybody_to_ask_it_wants_force(backup: Path, sqlite_url: str) -> None:
    with pytest.raises(BackupError, match="holds 3 photos; use --force"):
        run("restore", str(backup))
    assert count(sqlite_url) == 3

    assert "Restored 2 photos" in run("restore", str(backup), "--force")
    assert count(sqlite_url) == 2


@pytest.mark.parametrize(("typed", "status", "photos"), [("n", 1, 3), ("y", 0, 2)])
def test_a_person_is_asked(
    typed: str,
    status: int,
    photos: int,
    backup: Path,
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(restore_command, "_is_anybody_there", lambda: True)

    shown = run("restore", str(backup), typed=f"{typed}\n", status=status)

    assert "(3 photos)" in shown
    assert "(2 photos)?" in shown
    assert count(sqlite_url) == photos


def test_nobody_is_asked_about_a_catalogue_that_is_not_there_yet(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'kadr.db'}"
    monkeypatch.setenv("KADR_DATABASE_URL", url)

    run("restore", str(backup))

    assert count(url) == 2
