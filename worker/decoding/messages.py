"""What a decoding process says to the pool, and how the pool reads it without trusting it.

A decoder that a hostile file took over could send any pickle: only plain data, enums and
dataclasses of ours are built from one, so it cannot have the pool run code.
"""

import enum
import io
import pickle
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from typing import Any, TypeAlias

#: A larger answer is not read; a 4096-pixel square has 48 MiB.
MAX_BYTES = 256 * 1024 * 1024

_ROOMS = ("worker.images.", "worker.decoding.", "catalog.said")
_OTHERS = {
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
}


@dataclass(frozen=True, slots=True)
class Reserving:
    """The header is read, and decoding needs about so much memory."""

    n_bytes: int


@dataclass(frozen=True, slots=True)
class Done:
    """The photo is open."""

    result: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """The photo cannot be opened; the reason is a `PhotoError`'s sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """Decoding needed more memory than was granted."""


Message: TypeAlias = Reserving | Done | Refused | OutOfMemory


class _DataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - the signature of pickle
        if (module, name) in _OTHERS:
            return getattr(import_module(module), name)
        if module.startswith(_ROOMS) and "." not in name:
            found = getattr(import_module(module), name, None)
            if isinstance(found, type) and (is_dataclass(found) or issubclass(found, enum.Enum)):
                return found
        message = f"a decoding process sent {module}.{name}"
        raise pickle.UnpicklingError(message)


def dump(message: Message) -> bytes:
    """Return a message as bytes."""
    return pickle.dumps(message, protocol=5)


def load(content: bytes) -> Message:
    """Return the message of these bytes.

    Raises:
        ValueError: They are none.
    """
    try:
        message = _DataUnpickler(io.BytesIO(content)).load()
    except Exception as error:  # pickle raises whatever the bytes lead to
        raise ValueError(str(error)) from error
    if not isinstance(message, Reserving | Done | Refused | OutOfMemory):
        raise ValueError("not a message")  # noqa: TRY004 - the same as other bytes
    return message
