"""The tables are those of the models, on both databases, and migrations go both ways."""

import sqlite3
from pathlib import Path

import pgvector.sqlalchemy  # noqa: F401 - tells SQLAlchemy what a halfvec is
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text

import catalog.db.web_tables  # noqa: F401 - its tables belong to the models
import migrations
from catalog import query
from catalog.db import database as databases
from catalog.db import migrate
from catalog.db.database import Database
from catalog.db.tables import HEAD_REVISION, Base, Photo
from catalog.errors import DatabaseUnavailableError, NotFoundError, SchemaVersionError
from catalog.photos import files, roots
from catalog.tags import decisions
from tests.support.catalogue import NOW, add_photos, seen, tag_photo


def _same_type(*arguments: object) -> bool | None:
    return False if getattr(arguments[2], "name", None) == "vector" else None


def test_the_models_know_the_newest_migration():
    folder = str(migrations.__path__[0])

    assert ScriptDirectory(folder).get_current_head() == HEAD_REVISION


def test_the_migrations_build_what_the_models_say(database: Database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": _same_type})

        assert compare_metadata(context, Base.metadata) == []


def test_migrations_go_up_down_and_up_with_photos_in_them(database: Database, database_url: str):
    with database.write() as session:
        photo_ids = add_photos(session, "a.jpg")
        tag_photo(session, photo_ids[0], {"dog": 0.9})

    migrate.downgrade(database.engine, "base")
    assert inspect(database.engine).get_table_names() in ([], ["alembic_version"])
    reopened = databases.open_database(database_url, upgrade=True)

    with reopened.write() as session:
        assert session.scalars(select(Photo)).all() == []
        assert len(add_photos(session, "a.jpg")) == 1
    reopened.close()


def test_an_older_catalogue_learns_which_photos_are_missing(database: Database):
    with database.write() as session:
        gone, stays, copied = add_photos(session, "gone.jpg", "stays.jpg", "copied.jpg")
        root_id = roots.register_root(session, Path("/photos")).id
        files.register_files(session, root_id, [seen("copy.jpg", "copied.jpg")], now=NOW)
        files.mark_missing(session, root_id, ["gone.jpg", "copied.jpg"], now=NOW)
    migrate.downgrade(database.engine, "0001")

    migrate.upgrade(database.engine)

    with database.read() as session:
        since = dict(session.execute(select(Photo.id, Photo.missing_since)).all())
    assert since == {gone: NOW, stays: None, copied: None}


def test_decisions_of_an_older_catalogue_can_be_undone(database: Database):
    with database.write() as session:
        photos = add_photos(session, "a.jpg", "b.jpg")
        decisions.add(session, photos, ["trip"], now=NOW)
        decisions.add(session, photos, ["summer"], now=NOW)
        decisions.undo(session, now=NOW)
    migrate.downgrade(database.engine, "0002")

    migrate.upgrade(database.engine)

    with database.write() as session:
        assert decisions.undo(session, now=NOW).photos == 2
        assert query.find_ids(session, "trip OR summer") == []
        with pytest.raises(NotFoundError, match="no decision to undo"):
            decisions.undo(session, now=NOW)


def test_decisions_of_an_older_catalogue_outlive_the_first_edit_after_it_is_upgraded(
    database: Database,
):
    with database.write() as session:
        seen_then, edited_before = add_photos(session, "a.jpg", "b.jpg")
        decisions.add(session, [seen_then, edited_before], ["Mimi"], now=NOW)
    migrate.downgrade(database.engine, "0003")

    migrate.upgrade(database.engine)

    with database.write() as session:
        root_id = roots.register_root(session, Path("/photos")).id
        old = seen("a.jpg", picture="a")
        edits = [seen(name, name + ", five stars", picture=name[0]) for name in ("a.jpg", "b.jpg")]
        files.register_files(session, root_id, [old], now=NOW)  # its digest is filled in
        files.register_files(session, root_id, edits, now=NOW)
        found = query.find_ids(session, "Mimi")
    assert seen_then in found
    assert edited_before not in found
    assert len(found) == 2


def test_an_older_catalogue_says_how_to_upgrade_it(database: Database, database_url: str):
    migrate.downgrade(database.engine, "base")

    with pytest.raises(SchemaVersionError, match="run `kadr db upgrade`"):
        databases.open_database(database_url, upgrade=False)


def test_a_newer_catalogue_is_refused_and_left_alone(database: Database, database_url: str):
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaVersionError, match=r"newer version \(9999\).*upgrade Kadr"):
        databases.open_database(database_url, upgrade=True)


def test_a_file_that_is_no_catalogue_is_refused(tmp_path):
    file = tmp_path / "letter.db"
    file.write_bytes(b"Dear Anna, " * 200)

    with pytest.raises(DatabaseUnavailableError, match="is not a catalogue"):
        databases.open_database(f"sqlite:///{file}", upgrade=True)
    assert file.read_bytes().startswith(b"Dear Anna")


def test_sqlite_is_opened_in_wal_with_foreign_keys(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'new.db'}"
    opened = databases.open_database(url, upgrade=True, cache_mib=8)
    with opened.read() as session:
        raw = session.connection().connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert raw.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert raw.execute("PRAGMA cache_size").fetchone() == (-8 * 1024,)
    opened.close()


def test_postgresql_that_does_not_run_is_told_in_one_sentence():
    with pytest.raises(DatabaseUnavailableError, match="cannot be reached"):
        databases.open_database("postgresql://kadr:secret@127.0.0.1:9/kadr", upgrade=True)
