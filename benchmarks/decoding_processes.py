"""Compares decoding in threads of one process with decoding in guarded processes.

    python benchmarks/decoding_processes.py FOLDER [--runs 5] [--at-once 4]

Both ways open every photo below the folder, damaged ones too, in turn; a line for each run, and the
medians of the ratios. CPU counts all processes. The start of the processes is measured apart.
"""

import argparse
import contextlib
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from worker import extensions, images
from worker.decoding.guards import Guards
from worker.decoding.pool import Decoders
from worker.errors import PhotoError
from worker.images import Preprocess, embedded

WANTED = Preprocess(224, (0.0,) * 3, (1.0,) * 3)


def main() -> None:
    """Measure both ways in turn and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=4)
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.rglob("*") if extensions.is_photo(path))

    began = time.perf_counter()
    decoders = Decoders(Guards(processes=options.at_once))
    attempt(lambda path: decoders.open_photo(path, WANTED), paths[0])
    print(f"the first photo is open after {time.perf_counter() - began:.2f} s")
    ratios = []
    for _ in range(options.runs):
        threads = timed(open_here, paths, options.at_once)
        children = timed(lambda path: decoders.open_photo(path, WANTED), paths, options.at_once)
        ratios.append((children[0] / threads[0], children[1] / threads[1]))
        print(
            f"threads {threads[0]:.2f} s, CPU {threads[1]:.2f} s; "
            f"processes {children[0]:.2f} s, CPU {children[1]:.2f} s"
        )
    wall, cpu = (statistics.median(ratio) for ratio in zip(*ratios, strict=True))
    print(f"{len(paths)} photos, processes / threads: wall {wall:.2f}, CPU {cpu:.2f}")
    print(f"replacing a killed process takes {1000 * replaced(decoders, paths[0]):.1f} ms")
    for pid in decoders.process_ids():
        memory = psutil.Process(pid).memory_full_info()
        print(f"process {pid}: {memory.uss / 2**20:.0f} MiB of its own")
    decoders.close()


def open_here(path: Path) -> None:
    """Decode a photo and read its metadata in this process."""
    images.decode(path, WANTED)
    embedded.read(path)


def timed(
    open_photo: Callable[[Path], object], paths: Sequence[Path], at_once: int
) -> tuple[float, float]:
    """Return seconds and CPU seconds of this process and its children for all photos."""
    before, began = cpu_s(), time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(lambda path: attempt(open_photo, path), paths))
    return time.perf_counter() - began, cpu_s() - before


def attempt(open_photo: Callable[[Path], object], path: Path) -> None:
    """Open a photo that may be damaged."""
    with contextlib.suppress(PhotoError):
        open_photo(path)


def cpu_s() -> float:
    """Return the CPU seconds of this process and the living ones below it."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def replaced(decoders: Decoders, path: Path) -> float:
    """Return how many seconds later a photo is open if a process was killed before."""
    seconds = []
    for _ in range(10):
        began = time.perf_counter()
        attempt(lambda each: decoders.open_photo(each, WANTED), path)
        sound = time.perf_counter() - began
        for pid in decoders.process_ids():
            os.kill(pid, 9)
        time.sleep(0.05)
        began = time.perf_counter()
        attempt(lambda each: decoders.open_photo(each, WANTED), path)
        seconds.append(time.perf_counter() - began - sound)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
