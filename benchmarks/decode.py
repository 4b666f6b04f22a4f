"""Measures photos decoded per second: reduced while decoding and at full size, on 1 and 2 threads.

    python benchmarks/decode.py [FOLDER] [--size 224] [--runs 5]

Without a folder it makes eight JPEGs of 12 MP from scikit-learn's sample photos. Rates are medians
over the runs. `CPU ms` is processor time per photo, which depends less on other load. `difference`
is the mean absolute difference from the full decode, in levels of 0..255.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker import extensions, images
from worker.images import Preprocess, geometry

#: A headroom larger than any photo, so that nothing is reduced before the last step.
FULL = 1_000_000
THREADS = (1, 2)

Decode = Callable[[Path], NDArray[np.uint8]]


def main() -> None:
    """Print one line for each decoded size and number of threads."""
    options = parse_options()
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or make_photos(Path(name))
        paths = sorted(path for path in folder.rglob("*") if extensions.is_photo(path))
        measure(paths, Preprocess(options.size, (0.0,) * 3, (1.0,) * 3), options.runs)


def parse_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="photos to decode")
    parser.add_argument("--size", type=int, default=224, help="side of the model's square")
    parser.add_argument("--runs", type=int, default=5, help="times each photo is decoded")
    return parser.parse_args()


def make_photos(folder: Path) -> Path:
    """Write JPEGs of a camera's size, with noise like a sensor's, and return their folder."""
    from sklearn.datasets import load_sample_images

    noise = np.random.default_rng(0).normal(0, 6, (2832, 4256, 1))
    for number, pixels in enumerate(load_sample_images().images * 4):
        large = np.asarray(Image.fromarray(pixels).resize((4256, 2832)), np.float64)
        photo = np.clip(np.roll(large, number * 100, axis=1) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(photo).save(folder / f"{number}.jpg", quality=92)
    return folder


def measure(paths: Sequence[Path], preprocess: Preprocess, runs: int) -> None:
    """Print the rate for each headroom (decoded size / model size) and number of threads."""

    def decode(path: Path) -> NDArray[np.uint8]:
        return images.decode(path, preprocess).pixels

    geometry.HEADROOM = FULL
    found = [images.decode(path, preprocess) for path in paths]
    full = [photo.pixels.astype(float) for photo in found]
    megapixels = statistics.mean(photo.width * photo.height / 1e6 for photo in found)
    print(f"{len(paths)} photos, {megapixels:.1f} MP on average")
    print(f"{'decoded to':>14} {'threads':>8} {'photos/s':>9} {'CPU ms':>7} {'difference':>11}")
    for headroom in (FULL, 3, 2, 1):
        geometry.HEADROOM = headroom
        difference = statistics.mean(
            float(np.abs(decode(path) - whole).mean())
            for path, whole in zip(paths, full, strict=True)
        )
        name = "full size" if headroom == FULL else f"{headroom} x size"
        for threads in THREADS:
            rate, cpu_ms = timed(decode, paths, threads, runs)
            print(f"{name:>14} {threads:>8} {rate:>9.1f} {cpu_ms:>7.0f} {difference:>11.2f}")


def timed(decode: Decode, paths: Sequence[Path], threads: int, runs: int) -> tuple[float, float]:
    """Return photos per second and CPU milliseconds per photo, medians over the runs."""
    rates, cpu_ms = [], []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(runs):
            start, cpu_start = time.perf_counter(), time.process_time()
            for _ in pool.map(decode, paths):
                pass
            rates.append(len(paths) / (time.perf_counter() - start))
            cpu_ms.append(1000 * (time.process_time() - cpu_start) / len(paths))
    return statistics.median(rates), statistics.median(cpu_ms)


if __name__ == "__main__":
    main()
