"""What decoders do at their worst; `tests/worker/decoding/` has a decoding process call these."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from worker.decoding import jobs
from worker.images import Limits, Preprocess
from worker.images.memory import Reserve


def crash(path: bytes, *_: object) -> None:
    """Die as a decoder does that writes where it must not; note each time beside the file."""
    with Path(os.fsdecode(path) + ".crashes").open("ab") as file:
        file.write(b"x")
    os.kill(os.getpid(), signal.SIGSEGV)


def die_by_hand_once(path: bytes, *_: object) -> str:
    """Be killed by someone else the first time."""
    with contextlib.suppress(FileExistsError):
        Path(os.fsdecode(path) + ".killed").touch(exist_ok=False)
        os.kill(os.getpid(), signal.SIGKILL)
    return "open"


def be_killed(_path: bytes, *_: object) -> None:
    """Be killed by someone else each time."""
    os.kill(os.getpid(), signal.SIGKILL)


def compute_for_ever(_path: bytes, *_: object) -> None:
    """Decode and decode."""
    while True:
        pass


def wait_for_ever(_path: bytes, *_: object) -> None:
    """Wait for what never comes."""
    time.sleep(3600)


def allocate(_path: bytes, said: int, taken: int, _limits: object, reserve: Reserve) -> int:
    """Reserve some bytes and take others."""
    reserve(said)
    pixels = np.empty(taken, np.uint8)  # what is mapped counts, used or not
    pixels[-1] = 1
    return int(pixels[-1])


def note_when_open(path: bytes, n_bytes: int, _limits: object, reserve: Reserve) -> tuple[Any, Any]:
    """Return from when to when the memory was used."""
    reserve(n_bytes)
    began = time.monotonic()
    time.sleep(0.05)
    return began, time.monotonic()


class Hostile:
    """A pickle of this runs a command where it is read."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch hostile",)


def send_hostile_pickle(_path: bytes, *_: object) -> Hostile:
    """Answer with code instead of data."""
    return Hostile()


def make_noise(_path: bytes, *_: object) -> str:
    """Print as LibRaw does."""
    os.write(1, b"noise on 1\n")
    os.write(2, b"noise on 2\n")
    return "open"


def measure(path: bytes, wanted: Preprocess, limits: Limits, reserve: Reserve) -> tuple[int, int]:
    """Return the bytes that opening a photo reserved, and by how many this process grew."""
    jobs.open_photo(path, wanted, limits, reserve)  # imports and tables come once
    reserved: list[int] = []
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak so far
    before = _resident_bytes("VmRSS")
    jobs.open_photo(path, wanted, limits, reserved.append)
    return max(reserved), _resident_bytes("VmHWM") - before


def _resident_bytes(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
