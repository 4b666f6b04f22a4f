"""Opens a file that may be a photo without trusting its name, its type or its size.

`pixels` and `embedded` call it before any decoder sees a byte.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from catalog import paths
from worker.errors import PhotoError

AnyPath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

MIB = 1024 * 1024

# A name can be swapped for a FIFO between `stat` and `open`; without O_NONBLOCK that hangs.
_OPEN_FLAGS = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):
    _OPEN_FLAGS |= getattr(os, _flag, 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """What photos are taken; all but the last is checked before a pixel is decoded."""

    max_pixels: int = 200_000_000
    max_bytes: int = 512 * MIB
    #: Whether a JPEG that lost rows is taken as it is: KADR_TRUNCATED.
    takes_truncated: bool = False
    #: Bytes of memory that decoding may take by its estimate; None for any number.
    max_memory: int | None = None


def name_of(path: AnyPath) -> str:
    """Return the file's name as it can be shown and stored, without control characters."""
    return paths.printable(paths.to_text(Path(os.fsdecode(path)).name))


@contextmanager
def open_photo(path: AnyPath, limits: Limits) -> Iterator[BinaryIO]:
    """Open a regular file of acceptable size for reading; never waits on a FIFO or a device.

    Decoders get this file object and never the name: Pillow memory-maps what it opens by name,
    and a file that shrinks meanwhile then ends the process with SIGBUS.

    Raises:
        PhotoError: The file does not exist, is not readable, not regular, empty, or too large.
    """
    name = name_of(path)
    with _open_regular(path, name) as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise PhotoError(f"{name}: the file is empty; copy it here again")
        if size > limits.max_bytes:
            raise PhotoError(
                f"{name}: {size / MIB:,.0f} MiB exceed {limits.max_bytes / MIB:,.0f} MiB;"
                " raise KADR_MAX_BYTES to include it"
            )
        yield file


def _open_regular(path: AnyPath, name: str) -> BinaryIO:
    try:
        _require_regular(os.stat(path).st_mode, name)  # noqa: PTH116  opening a device can act on it
        descriptor = os.open(path, _OPEN_FLAGS)
    except FileNotFoundError as error:
        raise PhotoError(f"{name}: no such file; it was moved or deleted meanwhile") from error
    except PermissionError as error:
        raise PhotoError(f"{name}: no permission to read it; allow Kadr's user to") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise PhotoError(f"{name}: cannot be opened ({error}); check its disk") from error
    file = os.fdopen(descriptor, "rb")
    try:
        _require_regular(os.fstat(descriptor).st_mode, name)
    except PhotoError:
        file.close()
        raise
    return file


def _require_regular(mode: int, name: str) -> None:
    if stat.S_ISREG(mode):
        return
    kind = "a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket"
    raise PhotoError(f"{name}: is {kind}, not a photo; name a file")
