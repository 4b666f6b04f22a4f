"""Measures photos a second that are registered, claimed and recorded with 20 keywords each.

    python benchmarks/rows.py --photos 4096 --rounds 5

Nothing is opened or encoded: only the rows of `kadr tag` are written, in its batches (256 files
registered, 32 photos claimed and recorded). Against it, the same rows of photo, file, embedding and
keywords are written in a transaction for each photo with an INSERT for each row: `plain` with
SQLAlchemy's engine as it comes, `tuned` with Kadr's connections. All begin with an empty
catalogue and take turns. PostgreSQL is that of the tests, with its durability as it comes.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psycopg
from sqlalchemy import Engine, create_engine, insert
from sqlalchemy.orm import Session

from catalog import paths
from catalog.db import sql
from catalog.db.database import Database, open_database
from catalog.db.tables import Embedding, Photo, PhotoFile, PhotoState, PhotoTag, Source
from catalog.photos import files, lifecycle, roots
from catalog.tags import results, store, taggers
from tests.support import postgresql

WORDS, PER_PHOTO, DIM = 4_000, 20, 512
REGISTERED_AT_ONCE, TAGGED_AT_ONCE = 256, 32
#: What is measured against, see above; `plain` knows no type of pgvector's.
WAYS = {"SQLite": ("plain", "tuned"), "PostgreSQL": ("tuned",)}
#: A program that writes row by row is measured on fewer photos.
FEWER = 8
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TAGGER = taggers.TaggerSpec(
    model="random",
    model_digest="a" * 64,
    dim=DIM,
    vocabulary="words",
    vocabulary_digest="b" * 64,
    prompts=("a photo of a {word}",),
    prompt_digest="c" * 64,
    scoring_digest="d" * 64,
)

Begin = Callable[[], AbstractContextManager[Session]]


def main() -> None:
    """Print a line for each database, medians over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    photos = make_photos(options.photos)
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name, durable_server() as server:
        for number in range(options.rounds):
            for system, ways in WAYS.items():
                for way in ("kadr", *ways):
                    file = f"sqlite:///{name}/{way}-{number}.db"
                    url = file if system == "SQLite" else postgresql.create_database(server)
                    rates[system, way].append(rate(way, url, photos))
    for system, ways in WAYS.items():
        ours = rates[system, "kadr"]
        print(f"{system:12}{describe(ours, 0)} photos/s", end="")
        for way in ways:
            ratios = [one / other for one, other in zip(ours, rates[system, way], strict=True)]
            print(f"; {way} {describe(rates[system, way], 0)}, ratio {describe(ratios, 1)}", end="")
        print()


def describe(values: Sequence[float], digits: int) -> str:
    """Return the median, the least and the most."""
    least, most = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"


@contextmanager
def durable_server() -> Iterator[str]:
    """Run the PostgreSQL of the tests with the durability that it has by default."""
    with postgresql.running_server() as server:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute("ALTER SYSTEM RESET ALL")
            admin.execute("SELECT pg_reload_conf()")
        yield server


def make_photos(count: int) -> list[tuple[files.SeenFile, results.TaggedPhoto]]:
    """Return files and what a model found on them; ids of photos begin with 1."""
    random = np.random.default_rng(0)
    photos = []
    for number in range(1, count + 1):
        digest = hashlib.sha256(str(number).encode()).digest()
        picture = hashlib.sha256(digest).digest()
        path = f"2026/{number // 500}/IMG_{number}.jpg"
        file = files.SeenFile(path, paths.FileStat(4_000_000, number, number), digest, picture)
        words = random.choice(WORDS, PER_PHOTO, replace=False)
        tags = tuple(results.ScoredTag(f"word {word}", 0.1, 0.2, 0.5) for word in words)
        vector = random.standard_normal(DIM, np.float32)
        facts = results.PhotoFacts(6000, 4000, "jpeg")
        photos.append((file, results.TaggedPhoto(number, vector, facts, tags)))
    return photos


def rate(way: str, url: str, photos: Sequence[tuple[files.SeenFile, results.TaggedPhoto]]) -> float:
    """Return the photos per second from an empty catalogue to the rows of all photos."""
    database = open_database(url, upgrade=True)
    with database.write() as session:
        root_id = roots.register_root(session, Path("/photos")).id
        tagger_id = taggers.ensure_tagger(session, TAGGER)
        names = [f"word {word}" for word in range(WORDS)]
        tag_ids = store.ensure_tags(session, names, lambda _: {})
    if way != "kadr":
        photos = photos[: len(photos) // FEWER]
    engine = create_engine(url)
    begin: Begin = database.write if way != "plain" else lambda: session_of(engine)
    began = time.perf_counter()
    if way == "kadr":
        write_batches(database, photos, root_id, tagger_id)
    else:
        write_rows(begin, photos, root_id, tagger_id, tag_ids)
    seconds = time.perf_counter() - began
    engine.dispose()
    database.close()
    return len(photos) / seconds


@contextmanager
def session_of(engine: Engine) -> Iterator[Session]:
    """Open a session and commit it."""
    with Session(engine) as session, session.begin():
        yield session


def write_batches(
    database: Database,
    photos: Sequence[tuple[files.SeenFile, results.TaggedPhoto]],
    root_id: int,
    tagger_id: int,
) -> None:
    """Register, claim and record photos as `worker.watch.ingest` and `worker.tagging` do."""
    for arrived in sql.chunks(photos, REGISTERED_AT_ONCE):
        with database.write() as session:
            found = [file for file, _ in arrived]
            pending = files.register_files(session, root_id, found, now=NOW).pending
            lifecycle.mark_rung(session, pending, now=NOW)
        tagged = {result.photo_id: result for _, result in arrived}
        for photo_ids in sql.chunks(pending, TAGGED_AT_ONCE):
            with database.write() as session:
                claim = lifecycle.claim_photos(
                    session, photo_ids, limit=TAGGED_AT_ONCE, lease_s=60, now=NOW
                )
            done = [tagged[photo.photo_id] for photo in claim.photos]
            with database.write() as session:
                count = results.record_tagged(
                    session, claim.token, done, tagger_id=tagger_id, words={}, now=NOW
                )
            if count != len(photo_ids):
                raise RuntimeError(f"{count} of {len(photo_ids)} photos were recorded")


def write_rows(
    begin: Begin,
    photos: Sequence[tuple[files.SeenFile, results.TaggedPhoto]],
    root_id: int,
    tagger_id: int,
    tag_ids: dict[str, int],
) -> None:
    """Write the same rows, a transaction for each photo and an INSERT for each of them."""
    for file, result in photos:
        with begin() as session:
            stat = {"size_bytes": file.stat.size_bytes}
            photo = {"id": result.photo_id, "sha256": file.sha256, **stat}
            photo |= {"image_digest": file.image_digest, "state": PhotoState.TAGGED}
            photo |= {"width": 6000, "height": 4000, "format": "jpeg", "tagger_id": tagger_id}
            session.execute(insert(Photo).values(**photo, added_at=NOW, tagged_at=NOW))
            place = {"root_id": root_id, "path": file.path, "photo_id": result.photo_id, **stat}
            session.execute(insert(PhotoFile).values(**place, mtime_ns=file.stat.mtime_ns))
            vector = {"model_id": 1, "photo_id": result.photo_id, "vector": result.vector}
            session.execute(insert(Embedding).values(**vector))
            for tag in result.tags:
                row = {"tag_id": tag_ids[tag.word], "photo_id": result.photo_id}
                row |= {"source": Source.CLIP, "score": tag.score, "tagger_id": tagger_id}
                row |= {"similarity": tag.similarity, "confidence": tag.confidence}
                session.execute(insert(PhotoTag).values(**row))


if __name__ == "__main__":
    main()
