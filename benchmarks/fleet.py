"""Measures how many photos a second one worker of a fleet tags, and several.

    python -m benchmarks.fleet ~/Pictures --photos 960 --workers 1 2

`kadr watch` and each `kadr worker` are processes of their own, with the Redis and PostgreSQL of the
tests; a worker computes on one thread. A rate is that of the middle half of the photos, by when
each was tagged: what starts, and who ends first, does not count. Fleets of each size take turns.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import select

from benchmarks import folders
from catalog.db.database import Database, open_database
from catalog.db.tables import Photo
from catalog.photos import status
from tests.support.kadr import eventually
from tests.support.servers import PostgresServer, RedisServer
from worker.watch import scan

#: Photos of a message: several for each worker, so that none is left with nothing.
RING_SIZE = 64


def main() -> None:
    """Print photos a second of each size of fleet, and how many times one worker's that is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=960)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rates: dict[int, list[float]] = {number: [] for number in options.workers}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        sources = sorted(found.path for found in scan.walk(options.folder))
        inbox = folders.copy_photos(sources, Path(scratch, "photos"), options.photos)
        broker, server = RedisServer(), PostgresServer()
        stack.callback(server.close)
        stack.callback(broker.close)
        broker.start()
        for _ in range(options.rounds):
            for number in options.workers:
                broker.client.flushall()
                env = {
                    "KADR_BROKER_URL": broker.url,
                    "KADR_DATABASE_URL": server.create_database(),
                    "KADR_CACHE_DIR": str(Path(scratch, "cache")),
                    "KADR_MODEL": options.model,
                    "KADR_RING_SIZE": str(RING_SIZE),
                    "KADR_THUMBS": "demand",
                }
                rates[number].append(measure(inbox, env, number, options.photos))
    least = statistics.median(rates[min(rates)])
    for number, found in rates.items():
        middle = statistics.median(found)
        spread = f"({min(found):.1f} to {max(found):.1f})"
        workers = "worker " if number == 1 else "workers"
        print(f"{number} {workers} {middle:6.1f} {spread} photos/s, {middle / least:.2f} times")


def measure(inbox: Path, env: Mapping[str, str], workers: int, photos: int) -> float:
    """Return the photos a second of a fleet that begins with an empty catalogue."""
    with ExitStack() as stack, open_database(env["KADR_DATABASE_URL"], upgrade=True) as opened:
        stack.enter_context(running(env, "watch", "--quiet", str(inbox)))
        eventually(lambda: progress(opened).pending == photos)
        for number in range(workers):
            stack.enter_context(running(env, "worker", "-n", f"{number}@%h"))
        eventually(lambda: progress(opened).tagged == photos, timeout_s=1800)
        with opened.read() as session:
            times = sorted(session.scalars(select(Photo.tagged_at)).all())
    begin, end = len(times) // 4, len(times) * 3 // 4
    return (end - begin) / (times[end] - times[begin]).total_seconds()


@contextmanager
def running(env: Mapping[str, str], *arguments: str) -> Iterator[None]:
    """Run a command of Kadr on one thread until the end of the block."""
    kadr = str(Path(sys.executable).with_name("kadr"))
    alone = os.environ | {"OMP_NUM_THREADS": "1", "KADR_DECODE_THREADS": "1"} | env
    process = subprocess.Popen(
        [kadr, *arguments], env=alone, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def progress(opened: Database) -> status.Counts:
    """Return how many photos are in each state."""
    with opened.read() as session:
        return status.count_progress(session)


if __name__ == "__main__":
    main()
