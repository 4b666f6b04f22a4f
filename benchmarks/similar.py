"""Measures exact similarity search against a bare NumPy pass over the same memory map.

python benchmarks/similar.py /tmp/vectors --rows 1000000
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.similar import exact

REPEATS = 20


def make_vectors(file: Path, rows: int, dim: int) -> NDArray[np.float16]:
    """Return a memory map of random unit vectors (rows, dim) float16; write the file if needed."""
    if not file.exists():
        random = np.random.default_rng(0)
        with file.open("wb") as out:
            for start in range(0, rows, 50_000):
                block = random.standard_normal((min(50_000, rows - start), dim), dtype=np.float32)
                block /= np.linalg.norm(block, axis=1, keepdims=True)
                out.write(block.astype("<f2").tobytes())
    return np.memmap(file, dtype="<f2", mode="r", shape=(rows, dim))


def bare_pass(vectors: NDArray[np.float16], direction: NDArray[np.float32]) -> None:
    """Do the minimum work of an exact search: convert every row to float32 and multiply."""
    for start in range(0, len(vectors), 8192):
        vectors[start : start + 8192].astype(np.float32) @ direction


def timed(call: Callable[[], object]) -> dict[str, float]:
    """Repeat a call; return its median, 95th percentile and minimum in milliseconds."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - started))
    low, high = np.percentile(times, [50, 95])
    return {"p50": round(low, 1), "p95": round(high, 1), "min": round(min(times), 1)}


def main() -> None:
    """Print one JSON line for each kind of search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    options = parser.parse_args()
    vectors = make_vectors(options.file, options.rows, options.dim)
    direction = np.asarray(vectors[17], dtype=np.float32)
    photo_ids = np.arange(1, options.rows + 1)
    ways = {
        "bare NumPy pass": lambda: bare_pass(vectors, direction),
        "top 50 with cut": lambda: exact.find_nearest(photo_ids, vectors, direction),
        "top 50 without": lambda: exact.find_nearest(photo_ids, vectors, direction, cut=False),
        "top 50 among 10,000": lambda: exact.find_nearest(
            photo_ids, vectors, direction, among=np.arange(1, 10_001)
        ),
    }
    for name, call in ways.items():
        call()
        print(json.dumps({"what": name, "rows": options.rows} | timed(call)), flush=True)


if __name__ == "__main__":
    main()
