"""Months of a search, and the photos beside one in it."""

from datetime import datetime

import pytest
from sqlalchemy import update

from catalog import query
from catalog.db.database import Database
from catalog.db.tables import Photo
from catalog.errors import QueryError
from catalog.query import neighbours, timeline
from catalog.query.pages import Sort
from tests.support import catalogue

TAKEN = [
    each and datetime.fromisoformat(each)
    for each in ("2013-05-31T23:59", "2013-05-01", None, "2013-12-31T12:00", None, "2013-05-01")
]


@pytest.fixture
def ids(database: Database) -> list[int]:
    with database.write() as session:
        found = catalogue.add_photos(session, *(f"{n}.jpg" for n in range(len(TAKEN))))
        for n, photo_id in enumerate(found):
            catalogue.tag_photo(
                session, photo_id, {"dog": 0.9} if n % 2 else {"dog": 0.5, "cat": 0.9}
            )
            size = {"width": 600 * (n + 1), "height": 600}
            session.execute(
                update(Photo).where(Photo.id == photo_id).values(taken_at=TAKEN[n], **size)
            )
    return found


@pytest.mark.parametrize("text", ["", "dog", "dog OR cat"])
def test_months_are_counted_newest_first_and_undated_last(database, ids, text):
    with database.read() as session:
        months = timeline.find_months(query.prepare(session, text))

    assert [(each.month, each.photos) for each in months] == [
        ("2013-12", 1),
        ("2013-05", 3),
        (None, 2),
    ]
    assert [each.ratios for each in months] == pytest.approx([4.0, 1 + 2 + 4, 3 + 4])


def test_photos_of_months_are_those_of_the_search_in_its_order(database, ids):
    with database.read() as session:
        found = query.prepare(session, "dog")
        whole = [
            each.photo_id
            for month in ("2013-12", "2013-05", None)
            for each in timeline.find_shown(found, month)
        ]
        assert whole == found.ids(sort=Sort.TAKEN)
        assert timeline.find_shown(found, "2013-06") == []
        assert timeline.find_months(query.prepare(session, "xyzzy")) == []
        with pytest.raises(QueryError, match="yesterday"):
            timeline.find_shown(found, "yesterday")


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("text", ["", "dog", "cat"])
def test_neighbours_follow_the_order_of_the_search(database, ids, sort, text):
    with database.read() as session:
        found = query.prepare(session, text)
        order = found.ids(sort=sort)
        for at, photo_id in enumerate(order):
            near = neighbours.find_neighbours(found, photo_id, sort)
            before = order[at - 1] if at else None
            after = order[at + 1] if at + 1 < len(order) else None
            assert (near.first, near.previous, near.next) == (order[0], before, after)
            assert near.last in {order[-1], None}
            assert near.last is not None or sort not in {Sort.TAKEN, Sort.OLDEST}


def test_a_photo_outside_the_search_has_the_first_one_alone(database: Database, ids):
    with database.read() as session:
        near = neighbours.find_neighbours(query.prepare(session, "cat"), ids[1], Sort.RELEVANCE)

    assert (near.previous, near.next) == (None, None)
