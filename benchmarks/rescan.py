"""Measures how long comparing folders in which nothing changed takes, against listing them.

    python benchmarks/rescan.py --files 100000
    python benchmarks/rescan.py --files 100000 --sidecars --exclude '*.tmp.jpg'

`find -printf`, which reads names, sizes and times and compares nothing, is what a scan cannot be
faster than. The files hold a few bytes and their rows are made without reading them. Runs
alternate; seconds are of the processor, so that other programs count for little, and of the clock.
"""

import argparse
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from catalog import paths
from catalog.db import sql
from catalog.db.database import Database, open_database
from catalog.db.tables import PhotoFile, Root
from catalog.photos import files, sidecars
from catalog.photos.files import SeenFile
from catalog.photos.sidecars import SeenSidecar
from worker import log
from worker.watch import roots, scan
from worker.watch.exclusions import Rules
from worker.watch.scan import FoundFile


def generate(top: Path, count: int, per_folder: int, *, with_sidecars: bool) -> None:
    """Write files that are called like photos, and a sidecar beside each if wanted."""
    for number in range(count):
        folder = top / f"{number // per_folder:05}"
        if number % per_folder == 0:
            folder.mkdir(parents=True)
        name = f"IMG_{number:06}.jpg"
        (folder / name).write_bytes(b"photo")
        if with_sidecars:
            (folder / f"{name}.xmp").write_bytes(b"sidecar")


def register(database: Database, root: Root) -> None:
    """Make the rows of all files, as if each had been read; every photo is the same one."""
    top = paths.from_text(root.path)
    photo_id = None
    for batch in sql.chunks(scan.walk(top), 1_000):
        stats = {paths.to_text(each.path.relative_to(top)): each for each in batch}
        beside = [path for path in stats if path.endswith(".xmp")]
        photos = [path for path in stats if not path.endswith(".xmp")]
        with database.write() as session:
            if photo_id is None:
                first = SeenFile(photos[0], stats[photos[0]].stat, bytes(32))
                seen = files.register_files(session, root.id, [first], now=datetime.now(UTC))
                [photo_id] = seen.photo_ids
            rows = [_row(root, path, stats[path], photo_id) for path in photos]
            sql.insert_new(session, PhotoFile, rows)
            read = [SeenSidecar(path, stats[path].stat, bytes(32), None, None) for path in beside]
            sidecars.register(session, root.id, read)


def _row(root: Root, path: str, found: FoundFile, photo_id: int) -> dict[str, object]:
    size_and_times = {
        "size_bytes": found.stat.size_bytes,
        "mtime_ns": found.stat.mtime_ns,
        "ctime_ns": found.stat.ctime_ns,
    }
    return {"root_id": root.id, "path": path, "photo_id": photo_id} | size_and_times


def rescan(database: Database, root: Root, patterns: tuple[str, ...]) -> None:
    """Compare, and check that nothing changed."""
    changes: Iterator[list[FoundFile]] = scan.find_changes(database, root, rules=Rules(patterns))
    if changed := sum(map(len, changes)):
        message = f"{changed} files changed; run again while nothing writes to them"
        raise SystemExit(message)


def measure(what: str, work: Callable[[], object]) -> float:
    """Print how long something takes, and return its seconds of the processor."""
    began, used = time.perf_counter(), _used()
    work()
    seconds, used = time.perf_counter() - began, _used() - used
    print(f"{what:12} {used:6.2f} s of processor {seconds:6.2f} s of clock")
    return used


def _used() -> float:
    """Return the seconds of the processor of this program and the commands that it ran."""
    of = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in of)


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--per-folder", type=int, default=1_000)
    parser.add_argument("--sidecars", action="store_true", help="as many sidecars as well")
    parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--database", help="by default SQLite in a temporary folder")
    given = parser.parse_args()
    log.configure("WARNING", as_json=False)
    with tempfile.TemporaryDirectory(prefix="kadr-rescan-") as folder:
        top = Path(folder, "photos")
        generate(top, given.files, given.per_folder, with_sidecars=given.sidecars)
        url = given.database or f"sqlite:///{folder}/kadr.db"
        with open_database(url, upgrade=True) as database:
            [watched] = roots.register(database, [str(top)])
            register(database, watched.root)
            command = ["find", str(top), "-printf", "%p %s %T@ %C@\\n"]
            for _ in range(given.runs):
                listed = measure("find", lambda: subprocess.check_output(command))
                compared = measure(
                    "rescan", lambda: rescan(database, watched.root, tuple(given.exclude))
                )
                print(f"{compared / listed:.1f} x find")


if __name__ == "__main__":
    main()
