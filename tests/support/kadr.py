"""`kadr` as a user runs it: a process of its own with a catalogue of its own."""

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KADR = str(Path(sys.executable).with_name("kadr"))
ROOT = Path(__file__).parents[2]
#: Nothing that works takes so long, also on a machine that is busy with other things.
PATIENCE_S = 240.0


@dataclass
class Kadr:
    """Runs `kadr` with the settings of one test."""

    settings: dict[str, str]
    cwd: Path
    extra: dict[str, str] = field(default_factory=dict)
    executable: str = KADR
    #: Start the executable itself each time, as a shell does; the default forks a process that has
    #: imported everything, which saves seconds a command.
    is_started_anew: bool = not hasattr(os, "fork") or sys.platform == "darwin"

    @property
    def env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KADR_")}
        return clean | {"HF_HUB_OFFLINE": "1", "COLUMNS": "200"} | self.settings | self.extra

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        if not self.is_started_anew:
            return self._fork(arguments, stdin)
        return subprocess.run(
            [self.executable, *arguments],
            env=self.env,
            cwd=self.cwd,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def _fork(
        self, arguments: tuple[str, ...], stdin: str | None
    ) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory(prefix="kadr-run-") as folder:
            streams = {name: Path(folder, name) for name in ("stdin", "stdout", "stderr")}
            for stream in streams.values():
                stream.touch()
            streams["stdin"].write_text(stdin or "", encoding="utf-8")
            status = self._start(arguments, **streams).wait()
            out, err = (
                streams[name].read_bytes().decode(errors="surrogateescape")
                for name in ("stdout", "stderr")
            )
            return subprocess.CompletedProcess(["kadr", *arguments], status, out, err)

    def _start(self, arguments: tuple[str, ...], **streams: Path) -> "Forked":
        request = {name: str(stream) for name, stream in streams.items()}
        request |= {"arguments": list(arguments), "cwd": str(self.cwd)}
        return Forked(_prefork().ask({"start": request | {"env": self.env}}))

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str, log: Path, extra: Mapping[str, str] | None = None) -> "Forked":
        """Start a command that writes to a log, and return it at once; the caller ends it."""
        log.touch()
        armed = Kadr(self.settings, self.cwd, self.extra | dict(extra or {}))
        return armed._start(arguments, stdin=Path(os.devnull), stdout=log, stderr=log)

    @contextmanager
    def running(self, *arguments: str, ready: str) -> Iterator["Forked | subprocess.Popen[bytes]"]:
        """Run a command until the end of the block, once it has said `ready`; end it by SIGTERM."""
        log = self.cwd / f"{arguments[0]}-{time.monotonic_ns()}.log"
        log.touch()
        if self.is_started_anew:
            with log.open("w") as errors:
                process: Forked | subprocess.Popen[bytes] = subprocess.Popen(
                    [self.executable, *arguments],
                    env=self.env,
                    cwd=self.cwd,
                    stdout=errors,
                    stderr=errors,
                )
        else:
            process = self._start(arguments, stdin=Path(os.devnull), stdout=log, stderr=log)
        try:
            eventually(lambda: ready in log.read_text() or _ended(process, log))
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


@dataclass
class Forked:
    """A command that `tests/support/prefork.py` started; it is used like a `subprocess.Popen`."""

    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while the command runs."""
        return self._ask(blocks=False)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once the command has ended."""
        if timeout is not None:
            eventually(lambda: self.poll() is not None, timeout_s=timeout)
        status = self._ask(blocks=True)
        assert status is not None
        return status

    def terminate(self) -> None:
        """Ask the command to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the command without asking."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send the command a signal, unless it has ended."""
        if self.poll() is None:  # until it is waited for, its number is not given to another
            os.kill(self.pid, number)

    def _ask(self, *, blocks: bool) -> int | None:
        if self.returncode is None:
            self.returncode = _prefork().ask({"wait": {"pid": self.pid, "blocks": blocks}})
        return self.returncode


class _Prefork:
    """A connection to `tests/support/prefork.py`, which has imported what commands import.

    The processes of a test run share one: the first that needs it starts it.
    """

    def __init__(self) -> None:
        import fcntl  # not on Windows, where nothing forks

        run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
        owner = os.getppid() if run else os.getpid()
        path = Path(tempfile.gettempdir(), f"kadr-{(run or uuid.uuid4().hex)[:12]}-{owner}")
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                self._process = _start_prefork(path, owner)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._answers = self._socket.makefile("r")
        atexit.register(self.close)

    def ask(self, request: dict[str, Any]) -> Any:
        """Return the answer to a request, see `tests/support/prefork.py`."""
        self._socket.sendall(f"{json.dumps(request)}\n".encode())
        return json.loads(self._answers.readline())

    def close(self) -> None:
        """End the connection."""
        self._answers.close()
        self._socket.close()


def _start_prefork(path: Path, owner: int) -> subprocess.Popen[bytes]:
    packages = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("prefork.py"), path, str(owner)],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": packages},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # its owner may end after the process that started it
    )
    eventually(lambda: path.exists() or process.poll() is not None)
    assert process.poll() is None, "tests/support/prefork.py has ended"
    return process


@functools.cache
def _prefork() -> _Prefork:
    return _Prefork()


def eventually(condition: Callable[[], object], *, timeout_s: float = PATIENCE_S) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"still not so after {timeout_s:.0f} s")


def _ended(process: Forked | subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    return False
