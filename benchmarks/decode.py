"""Measures decoding to the model's square: how much of a photo, and which scans, it takes.

    python benchmarks/decode.py [FOLDER] [--size 224] [--runs 5] [--model starter]

Without a folder it makes eight JPEGs of 12 MP from scikit-learn's sample photos, every other one
progressive. `CPU ms` is processor time per photo and the median over the runs, each of which takes
all photos at all settings; photos/s are of one and two threads. `difference` is the mean absolute
difference from the full decode, in levels of 0..255. With --model, `cosine` is that of its
embeddings to those of the full decode, mean and least, and `keywords` the Jaccard index of the ten
best of Kadr's vocabulary.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import folders
from worker import extensions, images
from worker.images import Preprocess, geometry, progressive
from worker.models import clip
from worker.vocabulary import packs

#: A headroom larger than any photo, so that nothing is reduced before the last step.
FULL = 1_000_000.0
#: Headrooms, and whether scans are left out.
SETTINGS = ((FULL, False), (3, False), (3, True), (2, False), (2, True), (1.5, True), (1, True))
THREADS = (1, 2)
BEST = 10

Pixels = NDArray[np.uint8]
Decode = Callable[[Path], Pixels]


def main() -> None:
    """Print one line for each decoded size, with and without the scans that it does not need."""
    options = parse_options()
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or folders.make_photos(Path(name))
        paths = sorted(path for path in folder.rglob("*") if extensions.is_photo(path))
        judge = Judge(options.model) if options.model else None
        plain = Preprocess(options.size, (0.0,) * 3, (1.0,) * 3)
        measure(paths, plain if judge is None else judge.preprocess, options.runs, judge)


def parse_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="photos to decode")
    parser.add_argument("--size", type=int, default=224, help="side of the square, without a model")
    parser.add_argument("--runs", type=int, default=5, help="times each photo is decoded")
    parser.add_argument("--model", help="compare its embeddings and keywords")
    return parser.parse_args()


class Judge:
    """What a model makes of pixels."""

    def __init__(self, spec: str) -> None:
        self._model = clip.load(spec, device="cpu", precision="float32")
        self.preprocess = self._model.preprocess
        self._words = self._model.encode_texts(packs.load("starter").words)

    def embed(self, pixels: Sequence[Pixels]) -> NDArray[np.float32]:
        """Return (n, dim) unit vectors."""
        return self._model.encode_images(np.stack(pixels))

    def best(self, vectors: NDArray[np.float32]) -> list[set[int]]:
        """Return the numbers of the ten best words of each vector."""
        nearest = np.argpartition(-vectors @ self._words.T, BEST, axis=1)[:, :BEST]
        return [set(map(int, row)) for row in nearest]


def measure(paths: Sequence[Path], preprocess: Preprocess, runs: int, judge: Judge | None) -> None:
    """Print the rate and the loss for each headroom (decoded size / model size)."""

    def decode(path: Path) -> Pixels:
        return images.decode(path, preprocess).pixels

    rates: dict[tuple[float, bool, int], list[float]] = defaultdict(list)
    cpu_ms: dict[tuple[float, bool], list[float]] = defaultdict(list)
    made: dict[tuple[float, bool], list[Pixels]] = {}
    for _ in range(runs):
        for setting in SETTINGS:
            with using(*setting):
                for threads in THREADS:
                    made[setting], rate, cpu = timed(decode, paths, threads)
                    rates[*setting, threads].append(rate)
                    cpu_ms[setting].append(cpu)
    full = made[SETTINGS[0]]
    with using(*SETTINGS[0]):
        found = [images.decode(path, preprocess) for path in paths]
    megapixels = statistics.mean(photo.width * photo.height / 1e6 for photo in found)
    print(f"{len(paths)} photos, {megapixels:.1f} MP on average")
    print(
        f"{'decoded to':>10} {'scans':>6} {'CPU ms':>7} {'photos/s':>15} {'difference':>11}", end=""
    )
    print(f" {'cosine':>16} {'keywords':>9}" if judge else "")
    for headroom, is_trimmed in SETTINGS:
        pixels = made[headroom, is_trimmed]
        name = "full size" if headroom == FULL else f"{headroom:g} x"
        speeds = (statistics.median(rates[headroom, is_trimmed, n]) for n in THREADS)
        differences = [
            np.abs(one.astype(float) - other).mean()
            for one, other in zip(pixels, full, strict=True)
        ]
        print(
            f"{name:>10} {'needed' if is_trimmed else 'all':>6}"
            f" {statistics.median(cpu_ms[headroom, is_trimmed]):>7.0f}"
            f" {' '.join(f'{speed:7.1f}' for speed in speeds):>15}"
            f" {statistics.mean(differences):>11.2f}",
            end="" if judge else "\n",
        )
        if judge is not None:
            one, other = judge.embed(pixels), judge.embed(full)
            cosines = (one * other).sum(axis=1)
            shared = [
                len(a & b) / len(a | b)
                for a, b in zip(judge.best(one), judge.best(other), strict=True)
            ]
            print(f" {cosines.mean():>8.5f} {cosines.min():.4f} {statistics.mean(shared):>9.3f}")


@contextmanager
def using(headroom: float, is_trimmed: bool) -> Iterator[None]:  # noqa: FBT001 - a setting
    """Decode to this many times the square, of all scans of progressive files or those needed."""
    before = geometry.HEADROOM, progressive.trim
    geometry.HEADROOM = headroom
    if not is_trimmed:
        progressive.trim = lambda *_: None
    try:
        yield
    finally:
        geometry.HEADROOM, progressive.trim = before


def timed(decode: Decode, paths: Sequence[Path], threads: int) -> tuple[list[Pixels], float, float]:
    """Return the pixels, photos per second, and processor milliseconds per photo."""
    with ThreadPoolExecutor(threads) as pool:
        start, cpu_start = time.perf_counter(), time.process_time()
        pixels = list(pool.map(decode, paths))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    return pixels, len(paths) / seconds, 1000 * cpu / len(paths)


if __name__ == "__main__":
    main()
