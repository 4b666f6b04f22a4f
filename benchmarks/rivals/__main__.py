"""Measures Kadr beside the programs that do the like, and beside its own parts: `make bench`.

    python -m benchmarks.rivals [--photos FOLDER] [--rounds 5]

One table for camera photos and small ones, see `benchmarks/README.md`. Each contestant is a process
that loads its model before anything is timed; in each round all of them take their turns, forwards
and backwards. Programs whose dependencies do not agree with Kadr's are installed from PyPI into
environments of their own below --cache; whichever cannot be has a line that says why.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path

import platformdirs

from benchmarks.rivals import environments, machine, photos, rclip_weights, table
from benchmarks.rivals.contestant import Contestant, ContestantError
from benchmarks.rivals.table import Ratio, Row

HERE = Path(__file__).parent
RCLIP, CLIP_RETRIEVAL, ONNX = "rclip==3.3.0", "clip-retrieval==2.45.0", "onnx==1.23.2"
#: clip-retrieval's CLIP imports `pkg_resources`, which newer ones do not have.
SETUPTOOLS = "setuptools==80.9.0"

LOOP = Row("the paper's loop, one photo at a time", "open_clip", "one by one", is_slow=True)
BATCHES = Row("open_clip, batches of 32", "open_clip", "in batches")
INDEX = Row("rclip 3.3.0, index only", "rclip", "index")
INFERENCE = Row("clip-retrieval 2.45.0, inference only", "clip-retrieval", "inference")
KADR = Row("Kadr, the whole way", "kadr", "whole")
PICTURES = Row("Kadr, the whole way and small pictures", "kadr", "with pictures")
DECODE = Row("Kadr, decoding alone", "kadr", "decode")
ENCODE = Row("Kadr, its encoder alone", "kadr", "encode")
ENCODER = Row("open_clip, its encoder alone, float32", "open_clip", "encoder")
ROWS = (LOOP, BATCHES, INDEX, INFERENCE, KADR, PICTURES, DECODE, ENCODE, ENCODER)

RATIOS = (
    *(
        Ratio(f"Kadr over {row.title}", (KADR, row), lambda kadr, other: kadr / other)
        for row in (LOOP, BATCHES, INDEX, INFERENCE)
    ),
    Ratio(
        "Kadr over the slower of decoding and encoding",
        (KADR, DECODE, ENCODE),
        lambda kadr, *halves: kadr / min(halves),
    ),
    Ratio(
        "Kadr over both, one after the other",
        (KADR, DECODE, ENCODE),
        lambda kadr, *halves: kadr * sum(1 / half for half in halves),
    ),
    Ratio("Kadr's encoder over open_clip's", (ENCODE, ENCODER), lambda one, other: one / other),
)


def main() -> None:
    """Print the table."""
    options = parse_options()
    found = photos.find(options.photos, options.cache)
    results = table.Results()
    with tempfile.TemporaryDirectory() as name, ExitStack() as opened:
        work = Path(name)
        folders = photos.fill(found, work / "photos", large=options.large, small=options.small)
        contestants = {
            each: opened.enter_context(running(each, options, work, results))
            for each in dict.fromkeys(row.contestant for row in ROWS)
        }
        for row in ROWS:
            measure(row, contestants, folders.warm_up, results)
        for number in range(options.rounds):
            print(f"Round {number + 1} of {options.rounds} ...", file=sys.stderr, flush=True)
            for size in table.SIZES:
                for row in ROWS[:: -1 if number % 2 else 1]:
                    folder = getattr(folders, f"{size}_third" if row.is_slow else size)
                    rate = measure(row, contestants, folder, results)
                    if rate is not None:
                        results.rates[row, size].append(rate)
                        print(f"  {size}, {row.title}: {rate:.1f}", file=sys.stderr, flush=True)
    sizes = photos.megapixels(found)
    print(f"{options.model} with random weights; {machine.describe()}")
    print(
        f"Rounds: {options.rounds}; medians, with the least and the most. Large: {options.large}"
        f" photos of {sizes[0]:.0f} to {sizes[-1]:.0f} megapixels; small: {options.small} of 500 to"
        " 640 pixels\n"
    )
    print(table.render(results, ROWS, RATIOS))


def parse_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="a folder of JPEGs; without it, they are made")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", type=int, default=48, help="camera photos in a round")
    parser.add_argument("--small", type=int, default=96, help="small photos in a round")
    parser.add_argument("--model", default="ViT-B-32", help="open_clip's name of an architecture")
    parser.add_argument("--without", nargs="*", default=[], help="contestants to leave out")
    cache = Path(platformdirs.user_cache_dir("kadr")) / "rivals"
    parser.add_argument("--cache", type=Path, default=cache, help="kept for the next run")
    return parser.parse_args()


@contextmanager
def running(
    name: str, options: argparse.Namespace, work: Path, results: table.Results
) -> Iterator[Contestant | None]:
    """Start a contestant and end it again; None if it cannot be, and `results` has the reason."""
    contestant = None
    try:
        start = leave_out if name in options.without else COMMANDS[name]
        command = start(options.model, options.cache)
        contestant = Contestant.start(command, work / f"{name}.log")
    except ContestantError as error:
        results.reasons |= {row: str(error) for row in ROWS if row.contestant == name}
    try:
        yield contestant
    finally:
        if contestant is not None:
            contestant.close()


def measure(
    row: Row, contestants: dict[str, Contestant | None], folder: Path, results: table.Results
) -> float | None:
    """Return the photos per second of a row; None if it failed, now or before."""
    contestant = contestants[row.contestant]
    if contestant is None or row in results.reasons:
        return None
    try:
        return contestant.rate(row.way, folder)
    except ContestantError as error:
        results.reasons[row] = str(error)
        return None


def leave_out(_model: str, _cache: Path) -> list[str | Path]:
    """Start nothing.

    Raises:
        ContestantError: Always.
    """
    raise ContestantError("it was left out")


def start_open_clip(model: str, _cache: Path) -> list[str | Path]:
    """Return the command of open_clip, in Kadr's own environment."""
    return [sys.executable, "-m", "benchmarks.rivals.of_open_clip", model]


def start_kadr(model: str, cache: Path) -> list[str | Path]:
    """Return the command of Kadr."""
    return [sys.executable, "-m", "benchmarks.rivals.of_kadr", model, cache / "kadr"]


def start_rclip(_model: str, cache: Path) -> list[str | Path]:
    """Install rclip, write its model with random weights, and return its command."""
    python, data = environments.make(cache / "rclip", [RCLIP]), cache / "rclip-data"
    if not (data / rclip_weights.FILE).exists():
        onnx = environments.packages_of(environments.make(cache / "onnx", [ONNX]))
        command = [sys.executable, "-m", "benchmarks.rivals.rclip_weights", data, onnx]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ContestantError(f"its model was not made: {done.stderr.splitlines()[-1]}")
    return [python, HERE / "of_rclip.py", data]


def start_clip_retrieval(_model: str, cache: Path) -> list[str | Path]:
    """Install clip-retrieval, with Kadr's torch, and return its command."""
    torches = [f"{each}=={metadata.version(each)}" for each in ("torch", "torchvision")]
    python = environments.make(cache / "clip-retrieval", [CLIP_RETRIEVAL, SETUPTOOLS, *torches])
    return [python, HERE / "of_clip_retrieval.py", cache / "clip-retrieval-data"]


COMMANDS: dict[str, Callable[[str, Path], list[str | Path]]] = {
    "open_clip": start_open_clip,
    "rclip": start_rclip,
    "clip-retrieval": start_clip_retrieval,
    "kadr": start_kadr,
}

if __name__ == "__main__":
    main()
