"""Memory that the decoding processes of a pool may use together, and how much by default."""

import os
import threading
from collections import deque
from pathlib import Path

import psutil

_GIB = 1024**3
#: Part of the machine's memory that decoding may take, at least `_LEAST` and at most a half.
_PART, _LEAST = 1 / 20, _GIB

_CGROUP = Path("/sys/fs/cgroup")
_V1_LIMIT = _CGROUP / "memory" / "memory.limit_in_bytes"


class Closed(Exception):  # noqa: N818 - no error: the pool is being closed
    """The pool ends, and nobody waits for memory any more."""


class Budget:
    """So many bytes for all; whoever asks first is served first, so that a large photo is, too."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self._free = total_bytes
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()
        self._is_closed = False

    def take(self, n_bytes: int) -> None:
        """Wait until so many bytes are free, and take them.

        Raises:
            Closed: The pool was closed meanwhile.
            ValueError: It is more than there is.
        """
        if n_bytes > self.total_bytes:
            raise ValueError(n_bytes)
        if not n_bytes:
            return
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            self._changed.wait_for(
                lambda: self._is_closed or (self._waiting[0] is ticket and self._free >= n_bytes)
            )
            self._waiting.remove(ticket)
            self._changed.notify_all()
            if self._is_closed:
                raise Closed
            self._free -= n_bytes

    def give_back(self, n_bytes: int) -> None:
        """Return bytes that were taken."""
        with self._changed:
            self._free += n_bytes
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


def default_bytes() -> int:
    """Return a twentieth of what this machine or its cgroup has; at least 1 GiB, at most a half."""
    memory = min([psutil.virtual_memory().total, *_cgroup_limits()])
    return int(min(max(_PART * memory, _LEAST), memory / 2))


def _cgroup_limits() -> list[int]:
    """Return the limits of memory of our cgroup and those above it, version 2 or 1."""
    files = [_V1_LIMIT, _CGROUP / "memory.max"]
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            own = _CGROUP / path.lstrip("/")
        elif "memory" in controllers.split(","):
            own = _CGROUP / "memory" / path.lstrip("/")
        else:
            continue
        files += [folder / name for folder in (own, *own.parents) for name in _LIMIT_NAMES]
    return [limit for file in files if (limit := _read_limit(file)) is not None]


_LIMIT_NAMES = ("memory.max", "memory.high", "memory.limit_in_bytes")


def _read_limit(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return (
        int(text)
        if text.isdecimal() and 0 < int(text) < os.sysconf("SC_PAGE_SIZE") * 2**50
        else None
    )
