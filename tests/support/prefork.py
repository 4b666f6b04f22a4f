"""Runs `kadr` again and again without importing it again: each command is a fork of this process.

Started by `tests.support.kadr` as a script, once for all processes of a test run: `prefork.py
SOCKET PID` listens at a socket for as long as the process PID lives. Each connection is served by a
fork; a request is a line of JSON, and so is its answer: the process id of a command that was
started, or the exit status of one that is waited for. A command has a process of its own, as a
user's has, so nothing it sets up (logs, Celery, torch's threads) is seen by the next one; it only
starts in some milliseconds instead of seconds. Nothing is run in this process itself: a process
that has started threads cannot be forked safely.
"""

import atexit
import faulthandler
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

#: What commands import when they run. A name that is gone costs the others nothing.
_PRELOADED = (
    "alembic.command",
    "celery.app.amqp",
    "celery.worker",
    "celery.worker.consumer",
    "kombu.transport.memory",
    "open_clip",
    "pgvector.sqlalchemy",
    "pillow_heif",
    "psycopg",
    "rawpy",
    "rich.progress",
    "rich.table",
    "scipy.sparse",
    "scipy.special",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "torch",
    "watchdog.observers",
    "wordfreq",
    "catalog.query.run",
    "worker.cli.main",
    "worker.images",
    "worker.models.clip",
    "worker.queue.oneshot",
    "worker.scoring",
    "worker.tagging.choice",
    "worker.tagging.pipeline",
    "worker.tagging.tagger",
    "worker.vocabulary.file",
    "worker.watch.watcher",
)


def serve(path: str, owner: int) -> None:
    """Fork for each connection to the socket at `path`, until the process `owner` has ended."""
    for name in _PRELOADED:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    gc.collect()
    gc.freeze()  # what is never written to stays shared with the forks
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{path}.new")
        listener.listen(64)
        Path(f"{path}.new").rename(path)  # whoever sees it can connect
        while _is_alive(owner):
            if select.select([listener], [], [], 0.5)[0]:
                connection, _ = listener.accept()
                if os.fork() == 0:
                    listener.close()
                    _answer(connection)
                connection.close()
    for file in (Path(path), Path(path).with_suffix(".lock")):
        file.unlink()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _answer(connection: socket.socket) -> NoReturn:
    """Answer requests until the connection ends: `start` a command, or `wait` for one to end."""
    with connection.makefile("r") as requests:
        for line in requests:
            request = json.loads(line)
            answer = _start(request["start"]) if "start" in request else _wait(**request["wait"])
            connection.sendall(f"{json.dumps(answer)}\n".encode())
    os._exit(0)


def _start(command: dict[str, Any]) -> int:
    """Return the process id of a fork that becomes the command."""
    child = os.fork()
    if child == 0:
        _become(command)
    return child


def _wait(pid: int, *, blocks: bool) -> int | None:
    """Return the exit status of a command, negative for a signal; None while it runs."""
    ended, status = os.waitpid(pid, 0 if blocks else os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _status_of(ending: SystemExit) -> int:
    if ending.code is None or isinstance(ending.code, int):
        return ending.code or 0
    sys.stderr.write(f"{ending.code}\n")
    return 1


def _end(status: int) -> NoReturn:
    """End as Python does, except that it does not take the modules apart.

    That writes to every page which is shared with the other forks: half a second a command.
    """
    threading._shutdown()  # waits for threads, as Python does before the functions of atexit
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _become(request: dict[str, Any]) -> NoReturn:
    """Be `kadr` with the arguments, variables, folder and streams of a request."""
    written = os.O_WRONLY | os.O_APPEND  # both may be one file
    streams = zip(("stdin", "stdout", "stderr"), (os.O_RDONLY, written, written), strict=True)
    for number, (name, mode) in enumerate(streams):
        os.dup2(os.open(request[name], mode), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = ["kadr", *request["arguments"]]

    from worker.cli import main

    faulthandler.register(signal.SIGUSR1)  # a test that waits in vain asks what it waits for
    if moment := os.environ.pop("DIES_AT", ""):
        from tests.support import moments

        moments.arm(moment)
    try:
        main()
        status = 0
    except SystemExit as ending:
        status = _status_of(ending)
    except BaseException:  # noqa: BLE001 - it ends as Python would
        sys.excepthook(*sys.exc_info())
        status = 1
    _end(status)


if __name__ == "__main__":
    del sys.path[0]  # this folder: its modules are the tests' own
    serve(sys.argv[1], int(sys.argv[2]))
