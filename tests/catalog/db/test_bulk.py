"""Rows written at once are the rows that one statement for each would have written."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from sqlalchemy import select

from catalog.db import bulk
from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoEvent, PhotoState, Setting
from catalog.db.types import HALFVEC_FLAG, StoredVector
from tests.support.catalogue import NOW, add_photos


def new_photo(number: int, size_bytes: int) -> bulk.Row:
    return {"sha256": bytes([number]) * 32, "size_bytes": size_bytes, "added_at": NOW}


def test_rows_that_exist_change_in_the_named_columns_alone(database: Database):
    later = NOW + timedelta(days=1)
    with database.write() as session:
        first = [new_photo(1, 1), new_photo(2, 2)]
        twice = [new_photo(1, 7), *first]  # the last of a key counts
        bulk.upsert(session, Photo, twice, key=("sha256",), changing=())
        again = [new_photo(2, 3) | {"added_at": later}, new_photo(3, 4), new_photo(2, 5)]
        bulk.upsert(session, Photo, again, key=("sha256",), changing=("size_bytes",))
        bulk.upsert(session, Photo, [new_photo(1, 9)], key=("sha256",), changing=())

    with database.read() as session:
        columns = (Photo.size_bytes, Photo.added_at, Photo.state, Photo.attempts, Photo.due_at)
        rows = session.execute(select(*columns).order_by(Photo.sha256)).all()
    assert [tuple(row) for row in rows] == [
        (size, NOW, PhotoState.PENDING, 0, None) for size in (1, 5, 4)
    ]


def test_values_of_every_kind_come_back(database: Database):
    with database.write() as session:
        first, second, third = add_photos(session, "a.jpg", "b.jpg", "c.jpg")
        detail = {"to": "a \\ \"quoted\" {path}, 'x'", "list": [1, None, "\u00e9", "\0", "\ud800"]}
        same = {"at": NOW, "kind": "moved", "change_id": None}
        rows = [
            {"photo_id": first, "detail": detail} | same,
            {"photo_id": second, "detail": None} | same,
        ]
        bulk.insert(session, PhotoEvent, rows)
        changes: list[dict[str, Any]] = [
            {"id": first, "state": PhotoState.TAGGED, "failure": None, "thumbhash": b"\0\xff'{"},
            {"id": second, "state": PhotoState.QUARANTINED, "failure": "x, {y}"},
        ]
        bulk.update_by(session, Photo, changes)

    with database.read() as session:
        moved = select(PhotoEvent.detail).where(PhotoEvent.kind == "moved").order_by(PhotoEvent.id)
        assert session.scalars(moved).all() == [detail, None]
        of_second = PhotoEvent.detail.is_(None) & (PhotoEvent.kind == "moved")
        assert session.scalars(select(PhotoEvent.photo_id).where(of_second)).all() == [second]
        columns = (Photo.id, Photo.state, Photo.failure, Photo.thumbhash)
        photos = session.execute(select(*columns).order_by(Photo.id)).all()
    assert [tuple(row) for row in photos] == [
        (first, PhotoState.TAGGED, None, b"\0\xff'{"),
        (second, PhotoState.QUARANTINED, "x, {y}", None),
        (third, PhotoState.PENDING, None, None),
    ]


def test_infinities_are_written(database: Database):
    with database.write() as session:
        [photo_id] = add_photos(session, "a.jpg")
        place = {"id": photo_id, "latitude": float("inf"), "longitude": float("-inf")}
        bulk.update_by(session, Photo, [place])

    with database.read() as session:
        found = session.execute(select(Photo.latitude, Photo.longitude)).one()
    assert tuple(found) == (float("inf"), float("-inf"))


def test_nothing_to_write_is_nothing(database: Database):
    with database.write() as session:
        bulk.insert(session, Setting, [])
        bulk.upsert(session, Setting, [], key=("key",), changing=("value",))
        bulk.update_by(session, Setting, [], key="key")


def test_text_of_a_vector_holds_every_half():
    halves = np.arange(2**16, dtype="<u2").view("<f2")
    halves = halves[np.isfinite(halves)]
    dialect = cast("Any", SimpleNamespace(**{HALFVEC_FLAG: True}))

    text = StoredVector().process_bind_param(halves, dialect)

    assert isinstance(text, str)
    read = np.array(text.strip("[]").split(","), dtype=np.float64).astype("<f2")
    assert read.tobytes() == halves.tobytes()
