"""Makes a backup of a catalogue while other programs read and write it."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from catalog import paths
from catalog.db.database import Database, open_database
from catalog.errors import BackupError
from catalog.upkeep import backup_file, contents
from catalog.upkeep.backup_file import Backup
from catalog.upkeep.contents import Content

if TYPE_CHECKING:
    import psycopg


def make(database: Database, file: Path, *, replace: bool = False) -> Backup:
    """Write a backup of a catalogue as it is at this moment, and return it.

    Nobody has to wait meanwhile. The file appears under its name once it is whole and was compared,
    row by row, with the catalogue; only its owner may read it.

    Args:
        database: The catalogue.
        file: Where the backup is written.
        replace: Whether a file of that name is replaced.

    Raises:
        BackupError: The file exists, cannot be written, or differs from the catalogue.
    """
    if file.exists() and not replace:
        raise BackupError(f"{_shown(file)} exists; name another file, or use --force")
    with _appearing(file) as part:
        if database.engine.dialect.name == "sqlite":
            _copy_sqlite(database, part)
        else:
            _copy_postgresql(database, part)
    return backup_file.inspect(file)


@contextmanager
def _appearing(file: Path) -> Iterator[Path]:
    """Yield a file that takes its name at the end of the block; an error leaves nothing behind."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.parent)
        os.close(number)
        part = Path(name)
        try:
            yield part
            with part.open("rb+") as written:
                os.fsync(written.fileno())
            part.replace(file)
        finally:
            for left in (part, *(Path(f"{part}{end}") for end in ("-journal", "-wal", "-shm"))):
                left.unlink(missing_ok=True)
        _sync_folder(file.parent)
    except OSError as error:
        raise BackupError(
            f"{_shown(file)}: cannot be written ({error.strerror}); name a file in a folder "
            "that is there"
        ) from error
    except sqlite3.OperationalError as error:
        raise BackupError(
            f"{_shown(file)}: cannot be written ({error}); make room, or name another folder"
        ) from error


def _sync_folder(folder: Path) -> None:
    """Have a new name outlive a power cut; Windows cannot open folders and does it by itself."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _copy_sqlite(database: Database, part: Path) -> None:
    """Copy pages by SQLite's online backup, from one snapshot that blocks no writer."""
    reading = database.engine.connect().execution_options(kadr_read_only=True)
    with reading as snapshot, closing(sqlite3.connect(part)) as copy:
        snapshot.exec_driver_sql("SELECT version_num FROM alembic_version").all()  # begins it
        source = snapshot.connection.driver_connection
        if not isinstance(source, sqlite3.Connection):
            raise TypeError(type(source))
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE").close()  # one file, without a WAL beside it
        copy.execute("PRAGMA secure_delete=ON").close()
        for name in sorted(contents.TRANSIENT):
            copy.execute(f"DELETE FROM {name}")  # noqa: S608 - names of our own
        copy.commit()
        held = {
            table.name: contents.content_of(table, contents.read_sqlite(source, table))
            for table in contents.list_tables_of(source, _names())
        }
        _finish(copy, held)


def _copy_postgresql(database: Database, part: Path) -> None:
    """Copy rows into the tables of a new SQLite catalogue, all from one snapshot."""
    open_database(f"sqlite:///{part}", upgrade=True).close()
    reading = database.engine.connect().execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )
    with reading as snapshot, closing(sqlite3.connect(part)) as copy:
        snapshot.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
        source: psycopg.Connection[object] = snapshot.connection.driver_connection  # type: ignore[assignment]
        copy.execute("PRAGMA journal_mode=DELETE").close()
        copy.execute("PRAGMA synchronous=OFF").close()  # synchronised once, before it has its name
        held = {}
        for table in contents.list_tables():
            digesting = contents.Digesting(table)
            places = ", ".join("?" * len(table.columns))
            copy.executemany(
                f'INSERT INTO "{table.name}" ({table.names}) VALUES ({places})',  # noqa: S608
                digesting.through(contents.read_postgresql(source, table)),
            )
            held[table.name] = digesting.content
        copy.commit()
        _finish(copy, held)


def _names() -> list[str]:
    return [table.name for table in contents.list_tables()]


def _finish(copy: sqlite3.Connection, held: dict[str, Content]) -> None:
    """Compare a copy with what the catalogue held, and record that.

    Raises:
        BackupError: They differ.
    """
    for table in contents.list_tables_of(copy, held):
        if contents.content_of(table, contents.read_sqlite(copy, table)) != held[table.name]:
            raise BackupError(f"the copy of the table {table.name} is not as it was; try again")
    backup_file.write_manifest(copy, held)


def _shown(file: Path) -> str:
    return paths.printable(paths.to_text(file))
