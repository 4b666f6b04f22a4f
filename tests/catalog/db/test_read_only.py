"""A catalogue on a read-only place is searched, and says so when it is to be changed."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from catalog import query
from catalog.db import database as databases
from catalog.errors import DatabaseUnavailableError
from tests.support.catalogue import add_photos, tag_photo


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a catalogue that SQLite may not write; a superuser's `access` always says it may."""
    file = tmp_path / "kadr.db"
    with (
        databases.open_database(f"sqlite:///{file}", upgrade=True) as made,
        made.write() as session,
    ):
        (photo_id,) = add_photos(session, "a.jpg")
        tag_photo(session, photo_id, {"dog": 0.9})
    monkeypatch.setattr(databases.os, "access", lambda *_: False)
    return file


def test_it_is_searched(archive: Path) -> None:
    with databases.open_catalogue(f"sqlite:///{archive}") as opened, opened.read() as session:
        found = query.search(session, "dog")

    assert len(found.hits) == 1


def test_a_change_is_refused_in_a_sentence(archive: Path) -> None:
    with (
        databases.open_catalogue(f"sqlite:///{archive}") as opened,
        pytest.raises(DatabaseUnavailableError, match="cannot be opened for writing"),
        opened.write() as session,
    ):
        add_photos(session, "b.jpg")


def test_wal_without_room_for_its_files_is_read_as_immutable(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    connect = sqlite3.connect

    class NoWal(sqlite3.Connection):
        def execute(self, *_: object) -> sqlite3.Cursor:
            raise sqlite3.OperationalError("unable to open database file")

    def connect_without_wal(address: str, **options: object) -> sqlite3.Connection:
        asked.append(address)
        factory = {} if "immutable" in address else {"factory": NoWal}
        return connect(address, **options, **factory)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(databases.sqlite3, "connect", connect_without_wal)

    with databases.open_catalogue(f"sqlite:///{archive}") as opened, opened.read() as session:
        assert len(query.search(session, "dog").hits) == 1
    assert any("immutable=1" in address for address in asked)


def test_a_change_on_a_standby_is_refused_in_a_sentence(postgresql_url: str) -> None:
    with databases.open_database(postgresql_url, upgrade=False) as opened:
        with opened.write() as session:
            name = opened.engine.url.database
            session.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
        opened.engine.dispose()

        with (
            pytest.raises(DatabaseUnavailableError, match=r"takes no writes .*name the primary"),
            opened.write() as session,
        ):
            add_photos(session, "a.jpg")
