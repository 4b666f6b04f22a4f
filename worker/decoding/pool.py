"""A pool of processes that open photos: none may crash, hang or fill the memory of its caller.

`worker.tagging` and pages that show photos call `Decoders` from as many threads as they like.
"""

import contextlib
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self, TypeVar, cast

import psutil
import structlog

from worker.decoding import jobs, messages
from worker.decoding.budget import Budget, Closed
from worker.decoding.child import Request
from worker.decoding.forkserver import Child, ForkServer
from worker.decoding.guards import Guards
from worker.decoding.jobs import Opened
from worker.decoding.messages import Done, OutOfMemory, Refused, Reserving
from worker.errors import PhotoError, PhotoStalledError
from worker.images import Preprocess
from worker.images.opening import MIB, AnyPath, name_of

T = TypeVar("T")

_log = structlog.get_logger()

#: Processes that die on one photo before it is refused; each has opened nothing else meanwhile.
_TRIES = 3
#: Larger files are opened one at a time: some decoders read a file whole before its header.
_LARGE_FILE_BYTES = 128 * MIB
#: Memory for reading a header, apart from the file itself.
_HEADER_BYTES = 64 * MIB
#: A process that is not given the processor may take so many times its time.
_STARVED = 4.0

#: Signals by which a decoder dies of itself; any other came from outside.
_CRASHES = {
    getattr(signal, name)
    for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS")
    if hasattr(signal, name)
}


class DecodersClosedError(Exception):
    """The pool was closed while a photo was being opened; no fault of the photo."""


class Decoders:
    """Opens photos in child processes; a context manager. Its methods may be called by any thread.

    A process takes one photo at a time. One that dies, hangs or was told to end is replaced by
    a fork of a process that has the decoders imported, which takes milliseconds.
    """

    def __init__(self, guards: Guards | None = None) -> None:
        self._guards = guards or Guards()
        self._limits = replace(self._guards.limits, max_memory=self._guards.memory_bytes)
        self._budget = Budget(self._guards.memory_bytes)
        self._server = ForkServer()
        self._slots = threading.BoundedSemaphore(self._guards.processes)
        #: Whoever needs all the memory, or has a large file, is the only one of that kind.
        self._alone = threading.Lock()
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._busy: set[Child] = set()
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open_photo(self, path: AnyPath, wanted: Preprocess) -> Opened:
        """Return a photo decoded to the model's pixels, and its metadata; or why it cannot be.

        Raises:
            PhotoError: The photo cannot be opened within the limits.
            PhotoStalledError: It could not be read now; try it later.
            DecodersClosedError: The pool was closed meanwhile.
        """
        return self.run(jobs.open_photo, path, wanted)

    def run(self, job: Callable[..., T], path: AnyPath, *arguments: object) -> T:
        """Call a function in a decoding process, and return what it returns.

        Args:
            job: A function of a module, called as `job(path, *arguments, limits, reserve)`, the
                path as bytes. It calls `reserve(n_bytes)` when it knows how much memory it will
                take, as `images.decode`, `images.shrunk` and `images.thumbnail` do.
            path: The photo.
            arguments: What else the function takes; plain data, as is what it returns.

        Raises:
            PhotoError: The photo cannot be decoded within the limits.
            PhotoStalledError: It could not be read now; try it later.
            DecodersClosedError: The pool was closed meanwhile.
        """
        return cast("T", self._open(job, path, *arguments))

    def run_all(
        self, job: Callable[..., T], paths: Iterable[AnyPath], *arguments: object
    ) -> Iterator[T | PhotoError]:
        """Call a function for photos as `run` does, several at a time.

        Yields what it returns, or why a photo cannot be opened, in the order of the photos.

        Raises:
            DecodersClosedError: The pool was closed meanwhile.
        """

        def run_one(path: AnyPath) -> T | PhotoError:
            try:
                return self.run(job, path, *arguments)
            except PhotoError as error:
                return error

        with ThreadPoolExecutor(self._guards.processes) as threads:
            yield from threads.map(run_one, paths)

    def warm_up(self) -> None:
        """Begin to import the decoders, without waiting for it: the first photo waits less."""
        with self._lock:
            if not self._is_closed:
                self._server.start()

    def process_ids(self) -> list[int]:
        """Return the ids of the processes that are open now."""
        with self._lock:
            return sorted(child.pid for child in (*self._idle, *self._busy))

    @property
    def is_closed(self) -> bool:
        """Return whether no photo is opened any more."""
        return self._is_closed

    def close(self) -> None:
        """End all processes at once; photos that are being opened raise `DecodersClosedError`."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            children = [*idle, *self._busy]
        self._budget.close()
        for child in children:
            child.kill()
        self._server.close()
        for child in idle:  # the others are closed by whoever talks to them
            child.close()

    def _open(self, job: Callable[..., Any], path: AnyPath, *arguments: object) -> object:
        name, size = os.fsencode(path), _size_of(path)
        request = Request(job, name, arguments, self._limits, _HEADER_BYTES + 2 * size)
        if size > _LARGE_FILE_BYTES:
            with self._alone:
                return self._try(request, min(size, self._budget.total_bytes))
        try:
            return self._try(request, 0)
        except MemoryError:  # more than its header said: once more, with all that there is
            with self._alone:
                whole = self._budget.total_bytes
                request = replace(request, opening_bytes=max(whole, request.opening_bytes))
                return self._try(request, whole)

    def _try(self, request: Request, held_bytes: int) -> object:
        """Open a photo, again in another process while one dies with it."""
        deaths: list[int | None] = []
        while True:
            with self._memory(held_bytes), self._child() as child:
                try:
                    return _Opening(child, self._budget, self._guards).run(request, held_bytes)
                except _ChildDiedError as died:
                    deaths.append(died.status)
            if self._is_closed:
                raise DecodersClosedError
            if len(deaths) >= _TRIES:
                raise _error_of(request.path, deaths)

    @contextmanager
    def _memory(self, n_bytes: int) -> Iterator[None]:
        try:
            self._budget.take(n_bytes)
        except Closed as error:
            raise DecodersClosedError from error
        try:
            yield
        finally:
            self._budget.give_back(n_bytes)

    @contextmanager
    def _child(self) -> Iterator[Child]:
        """Lend a process; it is kept only if it says that it is ready for another photo."""
        with self._slots:
            child = self._take_child()
            is_sound = False
            try:
                yield child
                is_sound = True
            except (PhotoError, MemoryError):
                is_sound = child.is_answering
                raise
            finally:
                self._put_back(child, is_sound=is_sound and child.is_answering)

    def _take_child(self) -> Child:
        with self._lock:
            if self._is_closed:
                raise DecodersClosedError
            while self._idle:
                child = self._idle.pop()
                if not child.has_ended():
                    break
                child.close()
            else:
                child = self._server.fork()
            self._busy.add(child)
            return child

    def _put_back(self, child: Child, *, is_sound: bool) -> None:
        with self._lock:
            self._busy.discard(child)
            if is_sound and not self._is_closed:
                self._idle.append(child)
                return
        child.kill()
        child.close()


class _ChildDiedError(Exception):
    """The process ended; with its exit status, negative for a signal, None if that is unknown."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status


class _Opening:
    """One photo in one process: what is said, how long it takes, and the memory that it holds."""

    def __init__(self, child: Child, budget: Budget, guards: Guards) -> None:
        self._child = child
        self._budget = budget
        self._guards = guards
        self._waited_s = 0.0

    def run(self, request: Request, held_bytes: int) -> object:
        self._name = name_of(request.path)
        began_cpu_s = _cpu_s(self._child.pid)
        extra = 0
        self._child.is_answering = False
        self._send(pickle.dumps(request))
        try:
            while True:
                message = self._receive(began_cpu_s)
                if not isinstance(message, Reserving) or extra:
                    break
                extra = self._reserve(message.n_bytes, held_bytes)
        finally:
            self._budget.give_back(extra)
        self._child.is_answering = True
        return self._result_of(message, is_last=held_bytes >= self._budget.total_bytes)

    def _reserve(self, n_bytes: int, held_bytes: int) -> int:
        """Take what the process needs beyond what it holds, and tell it; return how much."""
        extra = max(0, min(n_bytes, self._budget.total_bytes) - held_bytes)
        try:
            self._budget.take(extra)
        except Closed as error:
            raise DecodersClosedError from error
        try:
            self._send((held_bytes + extra).to_bytes(8, "big"))
        except BaseException:
            self._budget.give_back(extra)
            raise
        return extra

    def _send(self, content: bytes) -> None:
        try:
            self._child.connection.send_bytes(content)
        except OSError:
            raise _ChildDiedError(self._child.status()) from None

    def _receive(self, began_cpu_s: float) -> messages.Message:
        try:
            self._await_answer(began_cpu_s)
            return messages.load(self._child.connection.recv_bytes(messages.MAX_BYTES))
        except (EOFError, OSError, ValueError):  # ended, or has sent what is no message
            self._child.kill()
            raise _ChildDiedError(self._child.status()) from None

    def _await_answer(self, began_cpu_s: float) -> None:
        """Wait for the process as long as it may compute; longer if others have the processor."""
        limit_s, began, before_s = self._guards.seconds, time.monotonic(), self._waited_s
        left_s = limit_s - before_s
        while not self._child.connection.poll(max(0.0, left_s)):
            self._waited_s = before_s + time.monotonic() - began
            used_s, state = _cpu_s(self._child.pid) - began_cpu_s, _state_of(self._child.pid)
            is_starved = state == psutil.STATUS_RUNNING and self._waited_s < _STARVED * limit_s
            if used_s >= limit_s or not is_starved:
                self._child.kill()
                raise self._too_slow(used_s, state)
            left_s = max(0.1, limit_s - used_s)
        self._waited_s = before_s + time.monotonic() - began

    def _too_slow(self, used_s: float, state: str) -> PhotoError:
        """Return what to say of a photo whose process, then in this state, was ended."""
        limit_s = self._guards.seconds
        if used_s >= limit_s / 2 or state == psutil.STATUS_RUNNING:
            return PhotoError(
                f"{self._name}: takes more than {limit_s:g} s to decode;"
                " raise KADR_DECODE_SECONDS to include it"
            )
        is_disk = state == psutil.STATUS_DISK_SLEEP
        why = "its disk does not answer" if is_disk else "its decoder waits for something"
        return PhotoStalledError(
            f"{self._name}: was not read within {limit_s:g} s, {why};"
            " it is tried again, raise KADR_DECODE_SECONDS if the machine is slow",
            is_to_blame=not is_disk and used_s < 1,
        )

    def _result_of(self, message: messages.Message, *, is_last: bool) -> object:
        if isinstance(message, Done):
            return message.result
        if isinstance(message, Refused):
            raise PhotoError(message.reason)
        if isinstance(message, OutOfMemory) and not is_last:
            raise MemoryError
        allowed = self._budget.total_bytes / MIB
        raise PhotoError(
            f"{self._name}: needs more than {allowed:,.0f} MiB of memory to decode;"
            " raise KADR_DECODE_MEMORY to include it"
        )


def _error_of(path: bytes, deaths: list[int | None]) -> PhotoError:
    """Return what to say of a photo with which several processes died."""
    crashes = [-status for status in deaths if status is not None and -status in _CRASHES]
    if not crashes:
        _log.warning("decoder_killed", name=name_of(path), times=len(deaths))
        return PhotoStalledError(
            f"{name_of(path)}: its decoder was killed {len(deaths)} times by something else;"
            " it is tried again, see whether the machine is short of memory",
            is_to_blame=False,
        )
    _log.warning("decoder_crashed", name=name_of(path), signal=signal.Signals(crashes[-1]).name)
    return PhotoError(
        f"{name_of(path)}: its decoder crashed {len(deaths)} times"
        f" ({signal.Signals(crashes[-1]).name}); save it as JPEG with another program"
    )


def _size_of(path: AnyPath) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - bytes and str alike
    except (OSError, ValueError):  # whoever opens it says so
        return 0


def _cpu_s(pid: int) -> float:
    with contextlib.suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    return 0.0


def _state_of(pid: int) -> str:
    with contextlib.suppress(psutil.Error):
        return str(psutil.Process(pid).status())
    return ""
