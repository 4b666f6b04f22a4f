"""A backup as a file: an SQLite catalogue, with a list of what each table held when it was made."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from catalog import paths
from catalog.db.migrate import known_revisions
from catalog.db.tables import HEAD_REVISION
from catalog.errors import BackupError, SchemaVersionError
from catalog.upkeep import contents
from catalog.upkeep.contents import Content

#: The table that makes a catalogue a backup: one row of JSON.
TABLE = "kadr_backup"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that can be restored."""

    file: Path
    revision: str
    #: When it was made; None for a copy of an SQLite catalogue that `kadr backup` did not make.
    made_at: datetime | None
    #: By table; as recorded when it was made, else None.
    recorded: Mapping[str, Content] | None
    #: How many photos it holds.
    photos: int


def write_manifest(connection: sqlite3.Connection, held: Mapping[str, Content]) -> None:
    """Record in a backup when it was made and what its tables hold."""
    tables = {name: asdict(content) for name, content in held.items()}
    manifest = {"made_at": datetime.now(UTC).isoformat(timespec="seconds"), "tables": tables}
    connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
    connection.execute(f"CREATE TABLE {TABLE} (manifest TEXT NOT NULL)")
    connection.execute(f"INSERT INTO {TABLE} VALUES (?)", (json.dumps(manifest),))  # noqa: S608
    connection.commit()


def inspect(file: Path) -> Backup:
    """Return what a backup is, without reading all of it.

    Raises:
        BackupError: There is no such file, or it is neither a backup nor a catalogue.
        SchemaVersionError: It is of a newer version of Kadr.
    """
    with opened(file) as connection:
        query = "SELECT type, name FROM sqlite_master"
        kinds = {name: kind for kind, name in connection.execute(query)}
        tables = {name for name, kind in kinds.items() if kind == "table"}
        ours = {table.name for table in contents.list_tables()}
        if not {"alembic_version", "photo"} <= tables or (ours & kinds.keys()) - tables:
            raise BackupError(f"{_shown(file)} is not a backup of a catalogue; name another file")
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if revision not in known_revisions():
            raise SchemaVersionError(
                f"{_shown(file)} is of a newer version ({revision}) than this program "
                f"({HEAD_REVISION}); upgrade Kadr first"
            )
        (photos,) = connection.execute("SELECT count(*) FROM photo").fetchone()
        made_at = recorded = None
        if TABLE in tables:
            (text,) = connection.execute(f"SELECT manifest FROM {TABLE}").fetchone()  # noqa: S608
            manifest = json.loads(text)
            made_at = datetime.fromisoformat(manifest["made_at"])
            recorded = {name: Content(**each) for name, each in manifest["tables"].items()}
    return Backup(file, revision, made_at, recorded, photos)


def verify(backup: Backup) -> None:
    """Compare a backup with what was recorded when it was made.

    A catalogue without such a record is only checked by SQLite.

    Raises:
        BackupError: It is damaged.
    """
    with opened(backup.file) as connection:
        if backup.recorded is None:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise _damaged(backup.file, found)
            return
        for table in contents.list_tables_of(connection, backup.recorded):
            held = contents.content_of(table, contents.read_sqlite(connection, table))
            if held != backup.recorded[table.name]:
                raise _damaged(backup.file, f"the table {table.name} is not what was saved")


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that only reads a backup.

    Raises:
        BackupError: It cannot be read, or is damaged.
    """
    if not file.is_file():
        raise BackupError(f"there is no file {_shown(file)}; name a backup")
    try:
        with closing(sqlite3.connect(address_of(file), uri=True)) as connection:
            connection.execute("PRAGMA trusted_schema=OFF").close()  # of whoever made the file
            yield connection
    except (sqlite3.DatabaseError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise _damaged(file, str(error)) from error


def address_of(file: Path) -> str:
    """Return the URI by which SQLite opens a file to read it."""
    return f"file:{quote(bytes(file.absolute()))}?mode=ro"


def _damaged(file: Path, reason: str) -> BackupError:
    return BackupError(f"{_shown(file)} is damaged ({reason}); nothing was changed")


def _shown(file: Path) -> str:
    return paths.printable(paths.to_text(file))
