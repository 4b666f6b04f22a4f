"""What a figure depends on beside the program: the processor, and versions of libraries."""

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

#: Flags of /proc/cpuinfo that decide how fast a model can be.
_FLAGS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "VNNI",
    "avx_vnni": "VNNI",
    "avx512_bf16": "bfloat16",
    "amx_bf16": "AMX",
}
_LIBRARIES = ("torch", "open_clip_torch", "pillow", "kadr")


def describe() -> str:
    """Return the processor and versions of libraries in a line."""
    name, flags = platform.processor() or platform.machine(), set[str]()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line.partition(":") for line in cpuinfo.read_text("utf-8").splitlines()]
        known = {key.strip(): value.strip() for key, _, value in lines}
        name, flags = known.get("model name", name), set(known.get("flags", "").split())
    able = dict.fromkeys(title for flag, title in _FLAGS.items() if flag in flags)
    lacks = [each for each in ("VNNI", "bfloat16") if flags and each not in able]
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    versions = [f"{each} {metadata.version(each)}" for each in _LIBRARIES]
    abilities = ", ".join([*able, *(f"no {each}" for each in lacks)])
    return f"{cores} cores of {name} ({abilities}); {', '.join(versions)}"
