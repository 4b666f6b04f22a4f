"""Puts a backup in the place of a catalogue's rows: all of it or nothing, whatever dies meanwhile.

One transaction empties the tables, fills them and compares them with the backup before it is
committed, so other programs see the former rows until then. The backup may come from SQLite or
PostgreSQL, whatever the catalogue is on.
"""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from catalog.db import generation
from catalog.db.database import Database, explained, open_database
from catalog.db.tables import HEAD_REVISION, Photo, PhotoFile, Tag
from catalog.db.types import HALFVEC_FLAG
from catalog.errors import BackupError
from catalog.upkeep import backup_file, contents, sequences
from catalog.upkeep.backup_file import Backup
from catalog.upkeep.contents import Content, Table

if TYPE_CHECKING:
    import psycopg

#: How long to wait on PostgreSQL for other programs to end what they are doing.
_LOCK_TIMEOUT = "60s"


def is_empty(session: Session) -> bool:
    """Return whether a catalogue holds nothing that a restoration would lose."""
    return not any(
        session.scalar(select(func.count()).select_from(table)) for table in (Photo, PhotoFile, Tag)
    )


def count_photos(session: Session) -> int:
    """Return how many photos a restoration would replace."""
    return session.scalar(select(func.count(Photo.id))) or 0


def restore(database: Database, backup: Backup) -> None:
    """Replace the rows of a catalogue by those of a backup.

    Raises:
        BackupError: The backup is damaged or cannot be taken over; nothing was changed.
        DatabaseUnavailableError: Another program holds the catalogue for too long.
    """
    backup_file.verify(backup)
    with (
        _at_this_version(backup) as file,
        explained(database.engine.url),
        _refused(database.engine.dialect.loaded_dbapi),
    ):
        if database.engine.dialect.name == "sqlite":
            _fill_sqlite(database, file)
        else:
            _fill_postgresql(database, file)


@contextmanager
def _at_this_version(backup: Backup) -> Iterator[Path]:
    """Yield a backup's file, or a copy of it that was upgraded to this program's tables."""
    if backup.revision == HEAD_REVISION:
        yield backup.file
        return
    with tempfile.TemporaryDirectory(prefix="kadr-restore-") as folder:
        copy = Path(folder, "kadr.db")
        with backup_file.opened(backup.file) as source, closing(sqlite3.connect(copy)) as target:
            try:
                source.backup(target)
            except sqlite3.OperationalError as error:
                raise BackupError(
                    f"{folder}: no copy can be made there to be upgraded ({error}); "
                    "set TMPDIR to a folder with room"
                ) from error
        open_database(f"sqlite:///{copy}", upgrade=True).close()
        yield copy


@contextmanager
def _refused(driver: Any) -> Iterator[None]:  # noqa: ANN401 - a module of the DB API
    """Turn what a driver raises when it is called directly into one sentence."""
    try:
        yield
    except driver.Error as error:
        reason = " ".join(str(error).split())
        raise BackupError(
            f"the backup cannot be restored ({reason}); nothing was changed"
        ) from error


def _fill_sqlite(database: Database, file: Path) -> None:
    engine = database.engine
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        if not isinstance(raw, sqlite3.Connection):
            raise TypeError(type(raw))
        raw.execute("ATTACH ? AS backup", (str(file.absolute()),))
        raw.execute("PRAGMA foreign_keys=OFF").close()
        try:
            connection.begin()  # BEGIN IMMEDIATE: no other program writes from now on
            indexes = _drop_indexes(raw)
            tables = contents.list_tables()
            for table in reversed(tables):
                raw.execute(f'DELETE FROM main."{table.name}"')  # noqa: S608
            for table in tables:
                raw.execute(
                    f'INSERT INTO main."{table.name}" ({table.names}) '  # noqa: S608
                    f'SELECT {table.names} FROM backup."{table.name}"'
                )
            for statement in indexes:
                raw.execute(statement)
            _forget_transient(connection)
            wanted = _contents_of_backup(raw, tables, "backup")
            _compare(wanted, _contents_of_backup(raw, tables, "main"))
            _finish(connection)
            connection.commit()
        finally:
            connection.rollback()
            raw.execute("PRAGMA foreign_keys=ON").close()
            raw.execute("DETACH backup").close()


def _drop_indexes(raw: sqlite3.Connection) -> list[str]:
    """Drop the indexes of all tables, to be built anew in a tenth of the time; return their SQL."""
    found = raw.execute(
        "SELECT name, sql FROM main.sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in found:
        raw.execute(f'DROP INDEX main."{name}"')
    return [statement for _, statement in found]


def _contents_of_backup(
    raw: sqlite3.Connection, tables: Sequence[Table], schema: str
) -> dict[str, Content]:
    return {
        table.name: contents.content_of(table, contents.read_sqlite(raw, table, schema))
        for table in tables
    }


def _fill_postgresql(database: Database, file: Path) -> None:
    halfvec = getattr(database.engine.dialect, HALFVEC_FLAG, False)
    tables = contents.list_tables()
    with (
        backup_file.opened(file) as backup,
        database.engine.connect() as connection,
        connection.begin(),
    ):
        connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        names = ", ".join(f'"{table.name}"' for table in tables)
        connection.exec_driver_sql(f"TRUNCATE {names}")
        _forget_transient(connection)
        _drop_hnsw(connection)
        raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
        wanted = {}
        for table in tables:
            digesting = contents.Digesting(table)
            rows = digesting.through(contents.read_sqlite(backup, table))
            contents.write_postgresql(raw, table, rows, halfvec=halfvec)
            wanted[table.name] = digesting.content
        for name in sequences.list_tables(connection):
            sequences.advance(connection, name)
        found = {
            table.name: contents.content_of(table, contents.read_postgresql(raw, table))
            for table in tables
        }
        _compare(wanted, found)
        _finish(connection)


def _drop_hnsw(connection: Connection) -> None:
    """Drop the indexes of vectors: they are of the former models, and slow down each insertion."""
    found = connection.exec_driver_sql(
        "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() "
        "AND starts_with(indexname, 'ix_embedding_hnsw_')"
    )
    for (name,) in found.all():
        connection.exec_driver_sql(f'DROP INDEX "{name}"')


def _forget_transient(connection: Connection) -> None:
    for name in sorted(contents.TRANSIENT):
        connection.exec_driver_sql(f'DELETE FROM "{name}"')  # noqa: S608 - names of our own


def _finish(connection: Connection) -> None:
    """Have caches of vectors by id thrown away: ids mean other photos than before."""
    with Session(connection, join_transaction_mode="rollback_only") as session:
        generation.begin(session)
        session.flush()
        session.commit()


def _compare(wanted: dict[str, Content], found: dict[str, Content]) -> None:
    for name, content in wanted.items():
        if found[name] != content:
            raise BackupError(
                f"the table {name} would not be what the backup holds "
                f"({found[name].rows:,} of {content.rows:,} rows); nothing was changed"
            )
