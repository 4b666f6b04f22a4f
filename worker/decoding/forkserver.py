"""Starts the process of `server`, asks it for decoding processes, and holds these.

`pool` is its only user.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection

from worker.decoding.server import PID, STATUS
from worker.errors import DecodingError

_PATIENCE_S = 120.0
#: Decoders start threads of their own, and BLAS at its import; one each is enough beside others.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}


class Child:
    """A decoding process, and the connection to it."""

    def __init__(self, pid: int, connection: "Connection[bytes, bytes]", status: int) -> None:
        self.pid = pid
        self.connection = connection
        #: Whether it has answered its last request.
        self.is_answering = True
        self._status_file = status
        self._status: int | None = None
        self._is_known = False
        self._is_closed = False
        self._lock = threading.Lock()

    def has_ended(self) -> bool:
        """Return whether it has ended, or has said that it does."""
        return bool(select.select([self._status_file], [], [], 0)[0]) or self.connection.poll(0)

    def status(self) -> int | None:
        """Wait until it has ended; return its exit status, negative for a signal, None: unknown."""
        with self._lock:
            if not self._is_known and not self._is_closed:
                ready, _, _ = select.select([self._status_file], [], [], _PATIENCE_S)
                content = os.read(self._status_file, STATUS.size) if ready else b""
                if len(content) == STATUS.size:
                    self._status = STATUS.unpack(content)[0]
                self._is_known = True
            return self._status

    def kill(self) -> None:
        """End it at once, unless it has ended."""
        with self._lock:
            if self._is_known or self._is_closed:
                return
            if not select.select([self._status_file], [], [], 0)[0]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close the connection to it."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self.connection.close()
                os.close(self._status_file)


class ForkServer:
    """The process that forks decoding processes; started when first needed, again if it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self) -> None:
        """Start it unless it runs; does not wait until it is ready."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-P", "-m", "worker.decoding.server", str(theirs.fileno())],
                env=os.environ | _ENVIRONMENT | {"PYTHONPATH": _import_path()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C of a terminal is for its parent
            )
        ours.settimeout(_PATIENCE_S)
        self._control = ours

    def fork(self) -> Child:
        """Return a new decoding process.

        Raises:
            DecodingError: No process can be started.
        """
        for _ in range(2):  # it may have been killed
            self.start()
            with contextlib.suppress(OSError):
                return self._fork()
        raise DecodingError(
            "no process that decodes photos can be started; "
            "see what limits processes and memory here (`ulimit -a`)"
        )

    def _fork(self) -> Child:
        assert self._control is not None  # noqa: S101 - `start` made it
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        try:
            with theirs:
                socket.send_fds(self._control, [b"+"], [theirs.fileno(), write])
            answer = self._control.recv(PID.size, socket.MSG_WAITALL)
            pid = PID.unpack(answer)[0] if len(answer) == PID.size else 0
            if not pid:
                self.close()
                raise OSError("no process could be forked")  # noqa: TRY301 - closes what is open
        except BaseException:
            ours.close()
            os.close(read)
            raise
        finally:
            os.close(write)
        return Child(pid, Connection(ours.detach()), read)

    def close(self) -> None:
        """End it and its children."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _import_path() -> str:
    """Return where this process imports from, without the working folder, which holds photos."""
    return os.pathsep.join(part for part in sys.path if part and os.path.isabs(part))  # noqa: PTH117
