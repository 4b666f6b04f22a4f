"""Builds a catalogue of any size for the other benchmarks, reproducibly from a seed.

Each photo has 15 tags: 6 of the 12 words of its planted group, and 9 words drawn by Zipf's law (the
n-th commonest word with probability proportional to 1/n). The migrations create the tables, and the
database drivers' bulk inserts fill them.

    python benchmarks/catalogue_of_a_million.py sqlite:////tmp/million.db --photos 1000000
"""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from catalog.db import database
from catalog.db.tables import HEAD_REVISION
from catalog.tags import counts

WORDS = 50_000
TAGS_PER_PHOTO = 15
GROUP_WORDS, WORDS_OF_GROUP = 12, 6
PHOTOS_PER_GROUP = 500
#: The words of groups are drawn from this rank on, so the commonest words are not among them.
FIRST_GROUP_WORD = 50
CHUNK = 20_000
_START = datetime(2020, 1, 1, tzinfo=UTC)
_CAMERAS = ("NIKON D850", "Canon EOS 5D", "FUJIFILM X-T4", "Apple iPhone 13", None)


@dataclass(frozen=True, slots=True)
class Planted:
    """The ground truth that a catalogue was built from."""

    #: (n_photos, TAGS_PER_PHOTO) int32, word numbers; 0 is the commonest, -1 is no word.
    words: NDArray[np.int32]
    #: (n_photos,) int32, the planted group of each photo.
    groups: NDArray[np.int32]
    #: (n_photos, TAGS_PER_PHOTO) float32.
    confidences: NDArray[np.float32]


def plant(n_photos: int, *, seed: int = 0) -> Planted:
    """Return words, groups and confidences drawn for a catalogue of that size."""
    random = np.random.default_rng(seed)
    n_groups = max(10, n_photos // PHOTOS_PER_GROUP)
    sizes = random.lognormal(sigma=0.6, size=n_groups)
    groups = random.choice(n_groups, size=n_photos, p=sizes / sizes.sum()).astype(np.int32)
    of_group = np.stack(
        [
            FIRST_GROUP_WORD + random.choice(WORDS - FIRST_GROUP_WORD, GROUP_WORDS, replace=False)
            for _ in range(n_groups)
        ]
    )
    chosen = random.random((n_photos, GROUP_WORDS)).argsort(axis=1)[:, :WORDS_OF_GROUP]
    own = np.take_along_axis(of_group[groups], chosen, axis=1)
    zipf = np.cumsum(1 / np.arange(1, WORDS + 1))
    drawn = random.random((n_photos, TAGS_PER_PHOTO - WORDS_OF_GROUP)) * zipf[-1]
    words = np.concatenate([own, np.searchsorted(zipf, drawn)], axis=1).astype(np.int32)
    for _ in range(20):  # a photo has a word once only: redraw the duplicates
        ordered = np.sort(words, axis=1)
        order = np.argsort(words, axis=1, kind="stable")
        again = np.zeros(words.shape, dtype=bool)
        np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
        if not again.any():
            break
        words[again] = np.searchsorted(zipf, random.random(int(again.sum())) * zipf[-1])
    words[again] = -1
    confidences = np.round(random.beta(2, 2, words.shape), 3).astype(np.float32)
    return Planted(words, groups, confidences)


def build(url: str, n_photos: int, *, seed: int = 0) -> Planted:
    """Write a catalogue into an empty database and return its ground truth."""
    planted = plant(n_photos, seed=seed)
    opened = database.open_database(url, upgrade=True)
    with opened.engine.begin() as connection:
        names = [(n + 1, f"word{n:05d}", f"word{n:05d}") for n in range(WORDS)]
        _write(connection, "root", "id,name,path,polled", [(1, "photos", "/photos", False)])
        _write(connection, "tag", "id,name,key", names)
        with _indexed_later(connection):
            _write(connection, "photo", _PHOTO, _photo_rows(n_photos, seed))
            _write(connection, "photo_file", _FILE, _file_rows(n_photos))
            _write(connection, "photo_tag", _TAG, _tag_rows(planted))
    with opened.write() as session:
        counts.refresh(session)
        session.execute(text("ANALYZE"))
    opened.close()
    return planted


_PHOTO = (
    "id,sha256,size_bytes,width,height,format,taken_at,camera,latitude,longitude,state,attempts,"
    "added_at,tagged_at"
)
_FILE = "id,root_id,path,size_bytes,mtime_ns,photo_id"
_TAG = "tag_id,photo_id,confidence,source"


def _photo_rows(n_photos: int, seed: int) -> Iterator[tuple[object, ...]]:
    random = np.random.default_rng(seed + 1)
    minutes = np.sort(random.integers(0, 60 * 24 * 365 * 5, n_photos))
    shuffled = random.permutation(minutes)
    cameras = random.integers(0, len(_CAMERAS), n_photos)
    for n in range(n_photos):
        taken = (_START + timedelta(minutes=int(shuffled[n]))).replace(tzinfo=None)
        added = _START + timedelta(days=2000, seconds=n)
        yield (
            *(n + 1, (n + 1).to_bytes(32, "big"), 2_000_000 + n % 977, 4000, 3000, "jpeg"),
            *(taken if n % 20 else None, _CAMERAS[cameras[n]], None, None, "tagged", 1),
            *(added, added),
        )


def _file_rows(n_photos: int) -> Iterator[tuple[object, ...]]:
    for n in range(n_photos):
        yield (n + 1, 1, f"{n // 1000:04d}/{n:07d}.jpg", 2_000_000, 1, n + 1)


def _tag_rows(planted: Planted) -> Iterator[tuple[object, ...]]:
    tags = planted.words.ravel()
    photos = np.repeat(np.arange(1, len(planted.words) + 1), planted.words.shape[1])
    order = np.lexsort((photos, tags))  # in key order, so that the B-tree is only appended to
    order = order[tags[order] >= 0]
    confidences = planted.confidences.ravel()
    for start in range(0, len(order), CHUNK):
        some = order[start : start + CHUNK]
        columns = (tags[some] + 1, photos[some], confidences[some].astype(float).round(3))
        for tag, photo, confidence in zip(*(each.tolist() for each in columns), strict=True):
            yield (tag, photo, confidence, "clip")


@contextmanager
def _indexed_later(connection: Connection) -> Iterator[None]:
    """Have indexes made once the rows are there: a million photos take minutes, not an hour."""
    if connection.dialect.name == "sqlite":
        query = (
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
            "AND tbl_name IN ('photo', 'photo_file', 'photo_tag')"
        )
    else:
        query = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() "
            "AND tablename IN ('photo', 'photo_file', 'photo_tag') AND NOT EXISTS "
            "(SELECT 1 FROM pg_constraint WHERE conname = indexname)"
        )
    found = connection.execute(text(query)).all()
    for name, _ in found:
        connection.exec_driver_sql(f'DROP INDEX "{name}"')
    yield
    for _, definition in found:
        connection.exec_driver_sql(definition)


def _write(connection: Connection, table: str, columns: str, rows: object) -> None:
    driver = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        marks = ",".join("?" * len(columns.split(",")))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608
        driver.executemany(statement, (tuple(map(_for_sqlite, row)) for row in rows))
        return
    with driver.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    if columns.startswith("id,"):  # ids were given, so the sequence knows nothing of them
        highest = f"(SELECT max(id) FROM {table})"  # noqa: S608
        connection.exec_driver_sql(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {highest})"
        )


def _for_sqlite(value: object) -> object:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ", timespec="microseconds")
    return value


def main() -> None:
    """Build a catalogue from the command line and print a JSON summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--photos", type=int, default=100_000)
    options = parser.parse_args()
    started = time.perf_counter()
    planted = build(options.url, options.photos)
    print(
        json.dumps(
            {
                "photos": options.photos,
                "rows": int((planted.words >= 0).sum()),
                "groups": int(planted.groups.max()) + 1,
                "seconds": round(time.perf_counter() - started, 1),
                "version": HEAD_REVISION,
            }
        )
    )


if __name__ == "__main__":
    main()
