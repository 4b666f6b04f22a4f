"""A backup of a catalogue in use holds it as it was at one moment, and comes back whole."""

import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, select

from catalog.access import passwords, sessions, tokens
from catalog.db import migrate
from catalog.db.database import Database, create, open_database
from catalog.db.tables import Photo, PhotoTag, Setting
from catalog.db.web_tables import Scope, WebSession
from catalog.errors import BackupError, SchemaVersionError
from catalog.photos import files, roots
from catalog.similar import vector_file
from catalog.tags import decisions
from catalog.upkeep import backup as backups
from catalog.upkeep import backup_file, restore
from tests.support.catalogue import NOW, add_photos, tag_photo


def fill(database: Database, count: int = 3) -> list[int]:
    """Give photos with keywords of all sources, decisions, metadata, a password and a token."""
    with database.write() as session:
        names = [f"{n} café.jpg" for n in range(count)]
        photo_ids = add_photos(session, *names, "waits.jpg")[:-1]
        for photo_id in photo_ids:
            words = {"dog": 0.1 + photo_id / 7, "sea": 1 / 3}
            tag_photo(session, photo_id, words, keywords=("Übersee",))
        decisions.confirm(session, photo_ids[:1], ["dog"], now=NOW)
        decisions.reject(session, photo_ids[:1], ["sea"], now=NOW)
        passwords.store(session, "a long password")
        tokens.add(session, "script", Scope.READ, now=NOW)
        sessions.begin(session, now=NOW)
        session.add(Setting(key="number", value=2.5))
    return photo_ids


def held(database: Database, folder: Path) -> dict[str, Any]:
    """Return what the tables of a catalogue hold; a restoration begins another generation."""
    made = backups.make(database, folder / f"held-{os.urandom(4).hex()}.db")
    assert made.recorded is not None
    with database.read() as session:
        query = select(Setting.key, Setting.value).where(Setting.key != "generation")
        settings = dict(session.execute(query).all())
    return dict(made.recorded) | {"setting": settings}


@pytest.fixture
def other(request: pytest.FixtureRequest, database_url: str) -> Iterator[Database]:
    """Give a catalogue on the other kind of database."""
    if database_url.startswith("sqlite"):
        url = request.getfixturevalue("postgresql_url")
    else:
        url = f"sqlite:///{request.getfixturevalue('tmp_path') / 'other.db'}"
    with open_database(url, upgrade=True) as opened:
        yield opened


def test_all_rows_come_back(database: Database, tmp_path: Path) -> None:
    fill(database)
    before = held(database, tmp_path)
    made = backups.make(database, tmp_path / "a.backup")
    with database.write() as session:
        add_photos(session, "later.jpg")
        session.execute(PhotoTag.__table__.delete())

    restore.restore(database, made)

    assert held(database, tmp_path) == before
    assert before["photo_tag"].rows == 9
    with database.write() as session:  # ids go on after those that were restored
        (added,) = add_photos(session, "new.jpg")
        assert added == before["photo"].rows + 1


def test_a_backup_is_restored_on_the_other_kind_of_database(
    database: Database, other: Database, tmp_path: Path
) -> None:
    fill(database)

    restore.restore(other, backups.make(database, tmp_path / "a.backup"))

    assert held(other, tmp_path) == held(database, tmp_path)
    with database.read() as ours, other.read() as theirs:
        for table in (Photo, PhotoTag):
            keys = [column.name for column in table.__table__.primary_key]
            query = select(table).order_by(*(getattr(table, name) for name in keys))
            for one, two in zip(ours.scalars(query), theirs.scalars(query), strict=True):
                for column in table.__table__.columns:
                    value = getattr(one, column.name)
                    expected = pytest.approx(value) if isinstance(value, float) else value
                    assert getattr(two, column.name) == expected


def test_a_backup_is_a_catalogue(database: Database, tmp_path: Path) -> None:
    fill(database)
    file = tmp_path / "a.backup"

    backups.make(database, file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not [each for each in tmp_path.iterdir() if each.suffix == ".part"]
    with open_database(f"sqlite:///{file}", upgrade=False) as opened, opened.read() as session:
        assert session.get_one(Photo, 1).state == "tagged"
        assert session.scalars(select(WebSession)).all() == []  # who was logged in is nobody's


def test_another_process_writes_meanwhile(database: Database, tmp_path: Path) -> None:
    fill(database)
    ended = threading.Event()
    begun = threading.Event()
    errors: list[Exception] = []

    def write() -> None:
        try:
            with open_database(str_of(database), upgrade=False) as writing:
                for n in range(2000):
                    with writing.write() as session:  # a photo and its file, or neither
                        add_photos(session, f"w{n}.jpg")
                    begun.set()
                    if ended.is_set():
                        return
        except Exception as error:  # noqa: BLE001 - it is shown below
            errors.append(error)
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait(60)
    made = backups.make(database, tmp_path / "a.backup")
    restore.restore(database, made)
    ended.set()
    writer.join(60)

    assert not errors
    assert made.recorded is not None
    assert made.recorded["photo"].rows == made.recorded["photo_file"].rows > 4


def str_of(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def break_at(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, error: BaseException
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(where, name, fail)


def test_a_restoration_that_ends_early_changes_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backups.make(database, tmp_path / "empty.backup")
    fill(database)
    before = held(database, tmp_path)
    break_at(monkeypatch, restore, "_finish", KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        restore.restore(database, made)

    assert held(database, tmp_path) == before


def test_what_differs_from_the_backup_is_not_committed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database)
    made = backups.make(database, tmp_path / "a.backup")
    before = held(database, tmp_path)
    added = Setting.__table__.insert().values(key="intruder", value=1)
    forget = restore._forget_transient

    def intrude(connection: Connection) -> None:
        forget(connection)
        connection.execute(added)

    monkeypatch.setattr(restore, "_forget_transient", intrude)

    with pytest.raises(BackupError, match="table setting would not be what the backup holds"):
        restore.restore(database, made)

    assert held(database, tmp_path) == before


def test_a_damaged_backup_is_refused(database: Database, tmp_path: Path) -> None:
    fill(database)
    file = tmp_path / "a.backup"
    backups.make(database, file)
    with closing(sqlite3.connect(file)) as changed:
        changed.execute("UPDATE photo_tag SET confidence = 0.5 WHERE tag_id = 1")
        changed.commit()
    before = held(database, tmp_path)

    with pytest.raises(BackupError, match="the table photo_tag is not what was saved"):
        restore.restore(database, backup_file.inspect(file))

    assert held(database, tmp_path) == before


def write_views(file: Path) -> None:
    """Write what runs a statement of its own where a table is read."""
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE alembic_version AS SELECT '0005' AS version_num")
        other.execute("CREATE TABLE photo (id INTEGER PRIMARY KEY)")
        other.execute("CREATE VIEW photo_tag AS SELECT randomblob(1000000000)")
        other.commit()


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda _: None, "there is no file"),
        (lambda file: file.write_bytes(b"not a database at all, but long enough " * 30), "damaged"),
        (lambda file: sqlite3.connect(file).execute("CREATE TABLE a (b)").close(), "not a backup"),
        (write_views, "not a backup"),
    ],
)
def test_what_is_no_backup_is_refused(
    write: Callable[[Path], None], expected: str, tmp_path: Path
) -> None:
    file = tmp_path / "b"
    write(file)

    with pytest.raises(BackupError, match=expected):
        backup_file.inspect(file)


def test_a_backup_that_was_cut_off_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    with open_database(sqlite_url, upgrade=False) as database:
        fill(database, count=10)
        file = tmp_path / "a.backup"
        backups.make(database, file)
        os.truncate(file, file.stat().st_size // 2)

        with pytest.raises(BackupError, match="damaged"):
            restore.restore(database, backup_file.inspect(file))


def test_a_backup_of_a_newer_version_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    with open_database(sqlite_url, upgrade=False) as database:
        file = tmp_path / "a.backup"
        backups.make(database, file)
    with closing(sqlite3.connect(file)) as changed:
        changed.execute("UPDATE alembic_version SET version_num = '9999'")
        changed.commit()

    with pytest.raises(SchemaVersionError, match="newer version"):
        backup_file.inspect(file)


def test_a_backup_of_an_older_version_is_upgraded(database: Database, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    engine = create(f"sqlite:///{old}")
    migrate.upgrade(engine, "0002")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO photo (sha256, size_bytes, added_at) "
            "VALUES (x'00', 1, '2026-05-01 12:00:00.000000')"
        )
    engine.dispose()
    copy = shutil.copy(old, tmp_path / "copy.db")

    restore.restore(database, backup_file.inspect(old))

    with database.read() as session:
        assert session.get_one(Photo, 1).added_at == NOW
    with closing(sqlite3.connect(old)) as unchanged, closing(sqlite3.connect(copy)) as before:
        versions = [
            c.execute("SELECT version_num FROM alembic_version") for c in (unchanged, before)
        ]
        assert [each.fetchone() for each in versions] == [("0002",), ("0002",)]


def test_a_file_that_is_there_is_not_replaced(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "a.backup"
    file.write_text("precious")
    with open_database(sqlite_url, upgrade=False) as database:
        with pytest.raises(BackupError, match="exists"):
            backups.make(database, file)
        assert file.read_text() == "precious"

        backups.make(database, file, replace=True)

    assert backup_file.inspect(file).photos == 0


def test_an_error_leaves_the_former_file(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.backup"
    file.write_text("precious")
    break_at(monkeypatch, backups, "_finish", OSError(28, "No space left on device"))
    with (
        open_database(sqlite_url, upgrade=False) as database,
        pytest.raises(BackupError, match="No space left"),
    ):
        backups.make(database, file, replace=True)

    assert file.read_text() == "precious"
    assert {each.name for each in tmp_path.iterdir()} <= {
        "a.backup",
        "kadr.db",
        "kadr.db-wal",
        "kadr.db-shm",
    }


def test_vectors_of_former_ids_are_not_searched(database: Database, tmp_path: Path) -> None:
    made = backups.make(database, tmp_path / "empty.backup")

    def find_vector(name: str, vector: list[float]) -> np.ndarray:
        with database.write() as session:
            (photo_id,) = add_photos(session, name)
            tag_photo(session, photo_id, {"dog": 0.5}, vector=vector)
            index = vector_file.open_index(session, tmp_path)
        return index.vectors[index.photo_ids == photo_id]

    find_vector("a.jpg", [1, 0, 0, 0])
    restore.restore(database, made)

    assert find_vector("b.jpg", [0, 1, 0, 0]).tolist() == [[0, 1, 0, 0]]
    assert len(list((tmp_path / "vectors").iterdir())) == 1


def test_a_pruned_id_does_not_bring_its_vector_to_the_next_photo(
    database: Database, tmp_path: Path
) -> None:
    with database.write() as session:
        root = roots.register_root(session, Path("/photos"))
        (first,) = add_photos(session, "a.jpg")
        tag_photo(session, first, {"dog": 0.5}, vector=[1, 0, 0, 0])
        vector_file.open_index(session, tmp_path)
        files.mark_missing(session, root.id, ["a.jpg"], now=NOW)
        files.prune(session, NOW + timedelta(days=1))
        (second,) = add_photos(session, "b.jpg")
        tag_photo(session, second, {"dog": 0.5}, vector=[0, 1, 0, 0])

        index = vector_file.open_index(session, tmp_path)

    assert index.vectors[index.photo_ids == second].tolist() == [[0, 1, 0, 0]]
