"""Opens the catalogue's database, SQLite or PostgreSQL, and checks or upgrades its version.

Every program gets its sessions here: `Database.write` for a transaction that changes rows (SQLite
takes its one write lock at the start, so that it cannot fail half-way), `Database.read` for one
that only reads.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from catalog import settings
from catalog.db import migrate, sql
from catalog.db.tables import HEAD_REVISION
from catalog.db.types import HALFVEC_FLAG
from catalog.errors import DatabaseUnavailableError, NotFoundError, SchemaVersionError

#: How long a SQLite connection waits for another one's write to end.
BUSY_TIMEOUT_S = 30.0
#: Pages of a SQLite file that each connection keeps in memory.
CACHE_MIB = 64
#: Connections that stay open; ten more may be opened for a while.
CONNECTIONS = 5
#: Pages of SQLite's log after which it writes them into the file, 16 MiB: a page that several
#: batches change is then written once.
LOG_PAGES = 4_000
#: PostgreSQL's code for a write to a standby, which psycopg counts among its internal errors.
_READ_ONLY = "25006"


@dataclass(frozen=True, slots=True)
class Database:
    """An open catalogue, closed at the end of a `with`. Threads may share it, processes not."""

    engine: Engine
    _sessions: sessionmaker[Session]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session that is committed at the end, or rolled back on an exception."""
        with explained(self.engine.url), self._sessions.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session on one snapshot that blocks no writer and is never committed."""
        with explained(self.engine.url), self._sessions() as session:
            session.connection(execution_options={"kadr_read_only": True})
            yield session

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_catalogue(
    url: str | None = None, *, cache_mib: int = CACHE_MIB, connections: int = CONNECTIONS
) -> Database:
    """Open a catalogue that exists, by default the one that KADR_DATABASE_URL names.

    A SQLite catalogue of an older version is upgraded; a server's is upgraded by `kadr db upgrade`.

    Args:
        url: The catalogue.
        cache_mib: Memory of each SQLite connection; less suits a program of many connections.
        connections: How many stay open once they were needed.

    Raises:
        NotFoundError: There is no such SQLite file.
        DatabaseUnavailableError: The database cannot be reached, or is not one.
        SchemaVersionError: The catalogue is of another version than this program.
    """
    chosen = url or settings.load().database_url
    file = sqlite_file(chosen) if chosen.startswith("sqlite:") else None
    if file is not None and not file.expanduser().exists():
        message = (
            f"there is no catalogue at {file.expanduser()} yet; make one with `kadr tag DIR`, "
            "or set KADR_DATABASE_URL"
        )
        raise NotFoundError(message)
    return open_database(
        chosen, upgrade=file is not None, cache_mib=cache_mib, connections=connections
    )


def open_database(
    url: str, *, upgrade: bool, cache_mib: int = CACHE_MIB, connections: int = CONNECTIONS
) -> Database:
    """Open the catalogue at `url`; with `upgrade`, create or upgrade its tables first.

    Raises:
        SchemaVersionError: The catalogue is newer than this program, or older without `upgrade`.
        DatabaseUnavailableError: The database cannot be reached, or is not a database.
    """
    engine = create(url, cache_mib=cache_mib, connections=connections)
    with ExitStack() as on_failure:
        on_failure.callback(engine.dispose)
        with explained(engine.url):
            found = current_revision(engine)
            if found != HEAD_REVISION:
                _reconcile_version(engine, found, upgrade=upgrade)
            _note_halfvec(engine)
        on_failure.pop_all()
    return Database(engine, sessionmaker(engine, expire_on_commit=False))


@contextmanager
def write_beside(session: Session) -> Iterator[Session]:
    """Yield a session that may write, for a caller whose own session may only read.

    If `session` only reads, this is another one, committed at the end; else it is `session` itself,
    which its owner commits.
    """
    connection = session.connection()
    if not connection.get_execution_options().get("kadr_read_only", False):
        yield session
        return
    with Session(connection.engine) as writing, writing.begin():
        yield writing


def create(url: str, *, cache_mib: int = CACHE_MIB, connections: int = CONNECTIONS) -> Engine:
    """Return an engine with this catalogue's settings, not yet connected.

    Raises:
        DatabaseUnavailableError: The URL is not one of a supported database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        message = (
            f"{url!r} is not a database URL; use sqlite:////path/to/kadr.db "
            "or postgresql://user:password@host/name"
        )
        raise DatabaseUnavailableError(message) from error
    if parsed.get_backend_name() == "sqlite":
        return _create_sqlite(parsed, cache_mib, connections)
    if parsed.get_backend_name() == "postgresql":
        driven = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(driven, pool_pre_ping=True, pool_size=connections)
        event.listen(engine, "connect", _configure_postgresql)
        return engine
    message = f"{parsed.get_backend_name()} is not supported; use sqlite:// or postgresql://"
    raise DatabaseUnavailableError(message)


def shown_url(url: str) -> str:
    """Return a database URL without its password, to be printed."""
    return make_url(url).render_as_string(hide_password=True)


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite database, which need not exist, or None for a server's."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def current_revision(engine: Engine) -> str | None:
    """Return the revision of the database's tables, or None if there are none yet."""
    with engine.connect().execution_options(kadr_read_only=True) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def _create_sqlite(url: URL, cache_mib: int, connections: int) -> Engine:
    if not url.database or url.database == ":memory:":
        message = "a catalogue in memory would be lost; give sqlite:////path/to/kadr.db"
        raise DatabaseUnavailableError(message)
    file = Path(url.database).expanduser()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(file)
    except OSError as error:
        message = f"{file}: {error.strerror}; set KADR_DATABASE_URL to a writable place"
        raise DatabaseUnavailableError(message) from error
    if _is_read_only(file):
        engine = create_engine(
            url.set(database=str(file)),
            creator=lambda: _connect_reading(file),
            pool_size=connections,
        )
        event.listen(engine, "connect", partial(_configure_sqlite_reading, cache_mib))
    else:
        engine = create_engine(
            url.set(database=str(file)),
            connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
            pool_size=connections,
        )
        event.listen(engine, "connect", partial(_configure_sqlite, cache_mib))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(file: Path) -> None:
    """Make a new SQLite file readable for its owner alone: it holds hashes, secrets and places."""
    if not file.exists():
        with suppress(FileExistsError):  # another program has just made it
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _is_read_only(file: Path) -> bool:
    """Return whether a catalogue is there and lies where this user may not write."""
    return file.exists() and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def _connect_reading(file: Path) -> sqlite3.Connection:
    """Connect to a catalogue on a read-only place."""
    address = f"file:{quote(str(file.absolute()))}?mode=ro"
    for each in (address, f"{address}&immutable=1"):  # WAL needs files beside it, which may lack
        connection = sqlite3.connect(
            each, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False
        )
        try:
            connection.execute("SELECT name FROM sqlite_master LIMIT 1").close()
        except sqlite3.OperationalError:
            connection.close()
        else:
            return connection
    raise sqlite3.OperationalError("unable to open database file")


def _configure_sqlite_reading(cache_mib: int, connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA cache_size=-{cache_mib * 1024}").close()


def _configure_postgresql(connection: DBAPIConnection, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("SET jit = off")  # compiling a page's statement takes longer than running it
    cursor.close()
    connection.commit()


def _configure_sqlite(cache_mib: int, connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # this module says BEGIN, not the driver
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        f"wal_autocheckpoint={LOG_PAGES}",
        "foreign_keys=ON",
        f"cache_size=-{cache_mib * 1024}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    connection.create_function("kadr_fold_path", 1, sql.fold_path, deterministic=True)


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails with SQLITE_BUSY at once, whatever the
    # timeout: writers take the lock at BEGIN.
    read_only = connection.get_execution_options().get("kadr_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _reconcile_version(engine: Engine, found: str | None, *, upgrade: bool) -> None:
    if found is not None and found not in migrate.known_revisions():
        message = (
            f"the catalogue is of a newer version ({found}) than this program ({HEAD_REVISION}); "
            "upgrade Kadr, or point KADR_DATABASE_URL elsewhere"
        )
        raise SchemaVersionError(message)
    if not upgrade:
        state = "is empty" if found is None else f"is of an older version ({found})"
        message = (
            f"the catalogue {state}, this program needs {HEAD_REVISION}; run `kadr db upgrade`"
        )
        raise SchemaVersionError(message)
    migrate.upgrade(engine)


def _note_halfvec(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        return
    with engine.connect() as connection:
        kind = connection.scalar(
            text(
                "SELECT udt_name FROM information_schema.columns WHERE table_name = 'embedding' "
                "AND column_name = 'vector' AND table_schema = current_schema()"
            )
        )
    setattr(engine.dialect, HALFVEC_FLAG, kind == "halfvec")


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn a driver's errors into one sentence that says what to do."""
    try:
        yield
    except OperationalError as error:
        raise DatabaseUnavailableError(_explain(url, str(error.orig))) from error
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.DatabaseError) and "not a database" in str(error.orig):
            message = f"{url.database} is not a catalogue; set KADR_DATABASE_URL to another file"
            raise DatabaseUnavailableError(message) from error
        is_standby = getattr(error.orig, "sqlstate", "") == _READ_ONLY
        if is_standby or error.connection_invalidated:
            raise DatabaseUnavailableError(_explain(url, str(error.orig))) from error
        if isinstance(error.orig, sqlite3.DatabaseError) and "malformed" in str(error.orig):
            message = (
                f"{url.database} is damaged ({error.orig}); move it away, with the files of its "
                "name that end in -wal and -shm, and `kadr restore` a backup"
            )
            raise DatabaseUnavailableError(message) from error
        raise


def _explain(url: URL, reason: str) -> str:
    where = url.database if url.get_backend_name() == "sqlite" else url.render_as_string()
    reason = " ".join(reason.split())
    if "disk is full" in reason or "No space left" in reason:
        return f"the disk of {where} is full; free some space and run the same command again"
    if "locked" in reason:
        return f"{where} is locked by another program for over {BUSY_TIMEOUT_S:.0f} s; try again"
    if "read-only transaction" in reason:
        return f"{where} takes no writes ({reason}); name the primary server in KADR_DATABASE_URL"
    if "readonly" in reason or "unable to open" in reason:
        return f"{where} cannot be opened for writing ({reason}); check its permissions"
    return f"{where} cannot be reached ({reason}); check that it runs and KADR_DATABASE_URL"
