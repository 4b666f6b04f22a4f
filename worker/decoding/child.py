"""The loop of one decoding process: take a photo, ask for memory, decode, answer.

`server` runs it in a process that it forked. Nothing here is trusted to end: the pool kills it.
"""

import contextlib
import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.decoding import messages
from worker.decoding.messages import Done, Message, OutOfMemory, Refused, Reserving
from worker.errors import PhotoError
from worker.images import Limits
from worker.images.opening import name_of

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

#: Memory beside the pixels: tables of decoders, metadata, what fragments.
SLACK_BYTES = 192 * 1024 * 1024
#: A process that has been larger ends itself, since what a decoder leaves behind is never certain.
RETIRE_ABOVE_KB = 512 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A photo to open.

    `job` is a function of `worker.decoding.jobs`; `opening_bytes` may be used before it reserves.
    """

    job: Callable[..., Any]
    path: bytes
    arguments: tuple[Any, ...]
    limits: Limits
    opening_bytes: int


def serve(connection: "Connection[bytes, bytes]") -> None:
    """Answer requests until the pool closes the connection."""
    while True:
        try:
            request = pickle.loads(connection.recv_bytes())  # noqa: S301 - from our own parent
        except (EOFError, OSError):
            return
        _allow(request.opening_bytes + SLACK_BYTES)
        connection.send_bytes(messages.dump(_answer(request, connection)))
        if _peak_kb() > RETIRE_ABOVE_KB:
            return


def _answer(request: Request, connection: "Connection[bytes, bytes]") -> Message:
    def reserve(n_bytes: int) -> None:
        connection.send_bytes(messages.dump(Reserving(n_bytes)))
        granted = int.from_bytes(connection.recv_bytes(), "big")
        _allow(granted + SLACK_BYTES)

    try:
        return Done(request.job(request.path, *request.arguments, request.limits, reserve))
    except PhotoError as error:
        if isinstance(error.__cause__, MemoryError):
            return OutOfMemory()
        return Refused(str(error))
    except MemoryError:
        return OutOfMemory()
    except Exception as error:  # noqa: BLE001 - a decoder's or our own mistake costs one photo
        detail = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return Refused(
            f"{name_of(request.path)}: could not be read ({detail}); save it as JPEG elsewhere"
        )


def _allow(n_bytes: int) -> None:
    """Let this process take so much memory from now on; what asks for more gets a MemoryError."""
    if sys.platform != "linux":  # elsewhere RLIMIT_DATA does not count what is mapped
        return
    import resource  # noqa: PLC0415 - absent on Windows

    with contextlib.suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (_data_bytes() + n_bytes, hard))


def _data_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - read for each photo
        pages = int(file.read().split()[5])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak_kb() -> int:
    if sys.platform == "win32":
        return 0
    import resource  # noqa: PLC0415 - absent on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak
