"""Events: where one occasion ends and the next begins."""

from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import update

from catalog.db.database import Database
from catalog.db.tables import Photo
from catalog.groups import occasions
from tests.support import catalogue

DAY = datetime(2023, 5, 6, 9)  # noqa: DTZ001

HOUR = 3600.0


def _ends(gaps: list[float], moved: list[float] | None = None) -> list[bool]:
    moments = np.cumsum([0.0, *gaps])
    return occasions.find_ends(moments, np.array(moved or [0.0] * len(gaps))).tolist()


def test_long_gap_among_short_ones_ends_an_event() -> None:
    gaps = [60.0] * 8 + [5 * HOUR] + [60.0] * 8
    assert [n for n, end in enumerate(_ends(gaps)) if end] == [8]


def test_even_gaps_of_a_slow_day_end_nothing() -> None:
    assert not any(_ends([2 * HOUR] * 10))


def test_short_gap_never_ends_an_event() -> None:
    assert not any(_ends([1.0] * 9 + [20 * 60.0] + [1.0] * 9))


def test_days_without_a_photo_end_an_event() -> None:
    assert _ends([40 * HOUR]) == [True]


def test_journey_ends_an_event() -> None:
    assert _ends([HOUR] * 3, [0.0, 300.0, 0.0]) == [False, True, False]


def test_an_event_across_the_date_line_lies_on_it(database: Database) -> None:
    with database.write() as session:
        ids = catalogue.add_photos(session, "east.jpg", "west.jpg")
        for photo_id, longitude in zip(ids, (179.99, -179.99), strict=True):
            at = {"taken_at": DAY, "latitude": -17.0, "longitude": longitude}
            session.execute(update(Photo).where(Photo.id == photo_id).values(**at))
        (found,) = occasions.find_events(session)
    assert found.place is not None
    assert abs(found.place[1]) > 179.98


def _store(database: Database) -> list[int]:
    """A morning by the sea in Paris's longitude, and an evening far away."""
    minutes = [0, 2, 5, 9, 600, 601, 604, 605]
    with database.write() as session:
        ids = catalogue.add_photos(session, *(f"{n}.jpg" for n in range(len(minutes) + 1)))
        for n, photo_id in enumerate(ids):
            catalogue.tag_photo(session, photo_id, {"sea" if n < 4 else "city": 0.5, "sky": 0.5})
        for photo_id, minute in zip(ids, minutes, strict=False):
            place = (43.3, 2.35) if minute < 500 else (48.85, 2.35)
            session.execute(
                update(Photo)
                .where(Photo.id == photo_id)
                .values(
                    taken_at=DAY + timedelta(minutes=minute),
                    latitude=place[0],
                    longitude=place[1],
                )
            )
    return ids


def test_events_are_named_by_date_place_and_what_sets_them_apart(database: Database) -> None:
    ids = _store(database)
    with database.read() as session:
        found = occasions.find_events(session)
    assert [each.photo_ids for each in found] == [tuple(ids[:4]), tuple(ids[4:8])]
    assert [each.name for each in found] == [
        "2023-05-06; 43.30, 2.35; sea",
        "2023-05-06; 48.85, 2.35; city",
    ]


def test_events_within_a_search_are_of_its_photos(database: Database) -> None:
    ids = _store(database)
    with database.read() as session:
        found = occasions.find_events(session, within="sea")
        assert [each.photo_ids for each in found] == [tuple(ids[:4])]
        assert occasions.find_events(session, within="zebra") == []


def test_small_events_are_left_out_on_demand(database: Database) -> None:
    _store(database)
    with database.read() as session:
        assert occasions.find_events(session, min_size=5) == []
