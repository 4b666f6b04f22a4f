"""Measures the writing of sidecars: the request of many decisions, the writes, a second run.

    python benchmarks/sidecar_writing.py [PHOTOS]

Photos have 8 x 8 pixels and lie in folders of 1,000, the catalogue is SQLite, the disk is that of
the system's folder for temporary files.
"""

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from catalog.db import sql
from catalog.db.database import Database, open_database
from catalog.db.tables import PhotoTag, Source, Tag
from catalog.photos import files, roots, sidecar_due, sidecar_policy
from catalog.photos.sidecar_writes import Ending, Tally
from catalog.tags import decisions
from tests.support.catalogue import NOW, seen, tag_photo
from tests.support.photos import jpeg_bytes, scene
from worker.sidecars.writer import Options, Writer

PHOTOS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000


def main() -> None:
    """Make the photos, decide, write, and print how long each took."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder) / "photos"
        with open_database(f"sqlite:///{folder}/kadr.db", upgrade=True) as database:
            photo_ids = _register(database, top)
            began, used = time.perf_counter(), time.process_time()
            with database.write() as session:
                decisions.confirm(session, photo_ids, ["dog"], now=NOW)
            seconds, used = time.perf_counter() - began, time.process_time() - used
            print(f"{PHOTOS:,} photos confirmed in {seconds:.2f} s ({used:.2f} s of processor)")
            _drain(database, "written")
            with database.write() as session:
                sidecar_due.mark_due(session, photo_ids, now=NOW)
            _drain(database, "compared again")


def _register(database: Database, top: Path) -> list[int]:
    content = jpeg_bytes(scene(8, 8))
    names = [f"{n // 1000:03d}/IMG_{n:06d}.jpg" for n in range(PHOTOS)]
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content)
    with database.write() as session:
        root_id = roots.register_root(session, top).id
        found = files.register_files(session, root_id, [seen(name) for name in names], now=NOW)
        tag_photo(session, found.pending[0], {"dog": 0.9})
        tag_id = session.scalars(select(Tag.id)).one()
        rows = [
            {"tag_id": tag_id, "photo_id": each, "confidence": 0.9, "source": Source.CLIP}
            for each in found.pending[1:]
        ]
        sql.insert_new(session, PhotoTag, rows)
        sidecar_policy.set_policy(session, str(top), sidecar_policy.parse("confirmed"))
    return list(found.pending)


def _drain(database: Database, what: str) -> None:
    writer = Writer(database, Options(), clock=lambda: datetime.now(UTC) + timedelta(days=1))
    began, used, total = time.perf_counter(), time.process_time(), Tally()
    while (done := writer.write_batch()).total:
        total += done
    seconds, used = time.perf_counter() - began, time.process_time() - used
    print(
        f"{total.total:,} sidecars {what} in {seconds:.1f} s: {total.total / seconds:.0f}/s, "
        f"{1000 * used / total.total:.2f} ms of processor each; "
        f"{total[Ending.WRITTEN]:,} written, {total[Ending.UNCHANGED]:,} unchanged"
    )


if __name__ == "__main__":
    main()
