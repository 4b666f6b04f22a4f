"""Measures how long a photo that lands waits for its keywords, when idle and during a backfill.

    python -m benchmarks.arrival ~/Pictures --backfill 600

`kadr watch` runs as a process of its own, with the starter model. Seconds are those from when a
photo gets its name in the watched folder to when its row says that it is tagged, less the time that
a file must be still for: what Kadr adds. During the backfill hundreds of photos wait already.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from sqlalchemy import func, select

from benchmarks import folders
from catalog import paths
from catalog.db.database import Database, open_database
from catalog.db.tables import Photo, PhotoFile, PhotoState
from worker.watch import scan

SETTLE_S = 1.0


@contextmanager
def watching(inbox: Path, home: Path) -> Iterator[Database]:
    """Run `kadr watch` on a folder; yield its catalogue once a photo is tagged."""
    home.mkdir()
    url = f"sqlite:///{home}/kadr.db"
    env = os.environ | {"KADR_DATABASE_URL": url, "KADR_CACHE_DIR": str(home / "cache")}
    env |= {"KADR_MODEL": "starter", "KADR_SETTLE_S": str(SETTLE_S)}
    command = [str(Path(sys.executable).with_name("kadr")), "watch", "--quiet", str(inbox)]
    running = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    try:
        while not (home / "kadr.db").exists():
            time.sleep(0.1)
        with open_database(url, upgrade=True) as opened:
            while count(opened, PhotoState.TAGGED) == 0:
                time.sleep(0.1)
            yield opened
    finally:
        running.terminate()
        running.wait()


def count(opened: Database, state: PhotoState) -> int:
    """Return how many photos are in a state."""
    with opened.read() as session:
        return session.scalar(select(func.count()).where(Photo.state == state)) or 0


def land(opened: Database, photo: Path, inbox: Path) -> float:
    """Move a photo in; return the seconds until it is tagged beyond those for settling."""
    query = select(Photo.state).join(PhotoFile).where(PhotoFile.path == paths.to_text(photo.name))
    photo.rename(inbox / photo.name)
    began = time.monotonic()
    while True:
        with opened.read() as session:
            if session.scalar(query) == PhotoState.TAGGED:
                return time.monotonic() - began - SETTLE_S
        time.sleep(0.02)


def main() -> None:
    """Print one JSON line for an idle `kadr watch` and one for a busy one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backfill", type=int, default=600, help="photos that are there before")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    sources = sorted(found.path for found in scan.walk(options.folder))
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        coming = make_others(sources, place / "coming", 2 * options.rounds)
        inbox = folders.copy_photos(sources, place / "photos", 1)
        with watching(inbox, place / "idle") as opened:
            show("idle", [land(opened, coming.pop(), inbox) for _ in range(options.rounds)], 0)
        folders.copy_photos(sources, inbox / "before", options.backfill)
        with watching(inbox, place / "busy") as opened:
            amid = [land(opened, coming.pop(), inbox) for _ in range(options.rounds)]
            show("backfill", amid, count(opened, PhotoState.PENDING))


def make_others(sources: Sequence[Path], folder: Path, number: int) -> list[Path]:
    """Write so many pictures beside the watched folder; bytes alone would make no other photo."""
    folder.mkdir()
    made = []
    for n, source in zip(range(number), itertools.cycle(sources), strict=False):
        with Image.open(source) as image:
            framed = ImageOps.expand(image.convert("RGB"), n + 1, "white")
        made.append(folder / f"arrives-{n:03}.jpg")
        framed.save(made[-1], quality=90)
    return made


def show(kind: str, seconds: Sequence[float], left: int) -> None:
    """Print one JSON line."""
    figures = {"median_s": np.median(seconds), "least_s": min(seconds), "most_s": max(seconds)}
    rounded = {name: round(float(value), 2) for name, value in figures.items()}
    print(json.dumps({"kind": kind, "photos": len(seconds), "then_pending": left} | rounded))


if __name__ == "__main__":
    main()
