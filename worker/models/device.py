"""Chooses the device that a model runs on, and its number format, which is measured.

`clip.load` calls it; `kadr doctor` and `worker.tagging.choice` ask for the device.
"""

import ctypes
import json
import platform
import time
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from worker.errors import ModelError

Precision = Literal["float32", "float16", "bfloat16"]

#: Least cosine between the unit vectors of a short format and of float32 that counts as equal.
MIN_COSINE = 0.998

#: How often each format is timed: the choice is remembered, so one slow moment must not make it.
_TIMED = 3

#: glibc's numbers of mallopt(3), and how much freed memory a process may keep.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
KEPT_BYTES = 2**30

DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory for the next batch, up to `KEPT_BYTES`; return whether it does.

    By default each large tensor of a layer is mapped from the kernel and given back, page by page:
    a third of the time of a small model on a CPU (EfficientNet-Lite2 14 photos/s, 30 without that).
    Elsewhere than on glibc it does nothing.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES))


def choose_device(wanted: str = "auto") -> torch.device:
    """Return the device of a name; for `auto` the best that there is (cuda, mps, cpu).

    Raises:
        ModelError: This machine has no such device.
    """
    if wanted == "auto":
        return torch.device(_best_device())
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ModelError(f"{wanted}: no such device; use auto, cpu, cuda, cuda:1 or mps") from error
    if not _is_present(device):
        raise ModelError(f"{wanted}: this machine has no such device; use --device auto or cpu")
    return device


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _is_present(device: torch.device) -> bool:
    match device.type:
        case "cpu":
            return True
        case "cuda":
            return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
        case "mps":
            return torch.backends.mps.is_available()
        case _:
            return False


def describe(device: torch.device) -> str:
    """Return what decides how fast a device is with each format: its kind and torch's version."""
    if device.type == "cuda":
        kind: object = (torch.cuda.get_device_name(device), torch.version.cuda)
    elif device.type == "cpu":
        kind = sorted(torch.cpu.get_capabilities().items())
    else:
        kind = (platform.machine(), platform.mac_ver()[0])
    return json.dumps([device.type, kind, torch.__version__])


def candidates(device: torch.device) -> tuple[Precision, ...]:
    """Return the 16-bit formats that the device computes in hardware, the most exact first."""
    match device.type:
        case "cuda":
            return ("float16", "bfloat16") if torch.cuda.is_bf16_supported() else ("float16",)
        case "mps":
            return ("float16",)
        case _:
            has = torch.cpu.get_capabilities()
            return ("bfloat16",) if has.get("avx512_bf16") or has.get("amx_bf16") else ()


def parse_precision(name: str) -> Precision | None:
    """Return the format of a name, or None for `auto`.

    Raises:
        ModelError: There is no such format.
    """
    if name == "auto":
        return None
    if name not in DTYPES:
        raise ModelError(f"{name}: no such precision; use auto, float32, float16 or bfloat16")
    return name


def measure_precision(
    device: torch.device, prepare: Callable[[Precision], Callable[[], NDArray[np.float32]]]
) -> Precision:
    """Return the first format of the device that agrees with float32 and is faster.

    `prepare(precision)` returns a function that encodes a fixed probe to (n, dim) float32,
    L2-normalised; it agrees where every cosine to float32 is at least MIN_COSINE.
    """
    formats = candidates(device)
    if not formats:
        return "float32"
    exact, exact_s = _timed(prepare("float32"))
    for name in formats:
        short, short_s = _timed(prepare(name))
        agrees = bool((np.einsum("nd,nd->n", exact, short) >= MIN_COSINE).all())  # nan does not
        if agrees and short_s < exact_s:
            return name
    return "float32"


def _timed(encode: Callable[[], NDArray[np.float32]]) -> tuple[NDArray[np.float32], float]:
    encode()  # the first call compiles kernels and allocates
    seconds = []
    for _ in range(_TIMED):
        start = time.perf_counter()
        vectors = encode()
        seconds.append(time.perf_counter() - start)
    return vectors, min(seconds)
