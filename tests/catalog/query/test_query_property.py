"""The parser and the compiler against the meaning of queries, photo by photo, on both databases."""

from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import query
from catalog.db.database import Database
from catalog.photos import files
from catalog.query import all_matches, by_date, by_relevance, counting
from catalog.tags import counts
from tests.support import generated
from tests.support.generated import Drawn, Meaning

if TYPE_CHECKING:
    from collections.abc import Callable

_BEFORE_ALL = datetime(1, 1, 1)  # noqa: DTZ001

_many = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the steps of a large catalogue in a small one."""
    monkeypatch.setattr(by_relevance, "FIRST_LOOK", 2)
    monkeypatch.setattr(by_relevance, "WIDEST_FIRST_LOOK", 3)
    monkeypatch.setattr(by_relevance, "LEAST_LOOK", 1)
    monkeypatch.setattr(by_relevance, "GROWTH", 2)
    monkeypatch.setattr(by_date, "SMALL", 2)
    monkeypatch.setattr(counting, "MANY", 2)
    for module, cost in ((counting, "LOOK_UP"), (by_relevance, "LOOK"), (by_date, "WALKED")):
        monkeypatch.setattr(module, cost, getattr(module, cost))  # put back after the test
    monkeypatch.setattr(files, "FEW_GONE", 1)


def _ordered(found: dict[int, float], drawn: list[Drawn], sort: str) -> list[int]:
    by_id = {photo.photo_id: photo for photo in drawn}
    keys: dict[str, Callable[[int], tuple[object, ...]]] = {
        "relevance": lambda each: (-found[each], -each),
        "taken": lambda each: _taken_key(by_id[each], rising=False),
        "oldest": lambda each: _taken_key(by_id[each], rising=True),
        "added": lambda each: (-by_id[each].added_at.timestamp(), -each),
        "name": lambda each: (by_id[each].first_path, each),
    }
    return sorted(found, key=keys[sort])


def _taken_key(photo: Drawn, *, rising: bool) -> tuple[object, ...]:
    sign = 1 if rising else -1
    moment = (photo.taken_at or _BEFORE_ALL) - _BEFORE_ALL
    return (photo.taken_at is None, sign * moment, sign * photo.photo_id)


def _all_pages(database: Database, text: str, sort: str) -> list[int]:
    found: list[int] = []
    mark = None
    while True:
        with database.read() as session:
            page = query.search(session, text, sort=sort, limit=3, after=mark, now=generated.NOW)
        found += [hit.photo_id for hit in page.hits]
        mark = page.next_cursor
        if mark is None:
            return found


@_many
@given(
    drawn=generated.photos,
    asked=st.lists(generated.queries, min_size=1, max_size=3),
    sort=st.sampled_from(list(query.Sort)),
    is_counted=st.booleans(),
    look_up=st.sampled_from([0.1, 10]),
    look=st.sampled_from([1, 1_000]),
)
def test_search_finds_what_the_query_means_in_the_order_asked_for(
    database: Database,
    drawn: list[Drawn],
    asked: list[Meaning],
    sort: query.Sort,
    is_counted: bool,  # noqa: FBT001
    look_up: float,
    look: float,
) -> None:
    with database.write() as session:
        stored = generated.store(session, drawn)
        if is_counted:
            counts.refresh(session)
    # What is dear is avoided: every way of finding a page has its turn.
    counting.LOOK_UP, by_relevance.LOOK, by_date.WALKED = look_up, look, look  # type: ignore[misc]
    for each in asked:
        fits = {photo.photo_id: each.relevance(photo) for photo in stored}
        found = {photo_id: fit for photo_id, fit in fits.items() if fit is not None}
        expected = _ordered(found, stored, sort)
        assert _all_pages(database, each.text, sort) == expected, each.text
        with database.read() as session:
            assert query.count(session, each.text, now=generated.NOW) == len(expected)
            ready = query.prepare(session, each.text, now=generated.NOW)
            if ready.driver is not None:
                assert all_matches.count(ready) == len(expected)
                assert ready.count() == len(expected)
            capped = query.count(session, each.text, cap=2, now=generated.NOW)
            assert capped == min(2, len(expected))
            assert query.find_ids(session, each.text, sort=sort, now=generated.NOW) == expected


@_many
@given(
    drawn=generated.photos,
    arriving=generated.photos,
    asked=generated.queries,
    sort=st.sampled_from(list(query.Sort)),
)
def test_paging_neither_skips_nor_repeats_while_photos_arrive(
    database: Database,
    drawn: list[Drawn],
    arriving: list[Drawn],
    asked: Meaning,
    sort: query.Sort,
) -> None:
    with database.write() as session:
        stored = generated.store(session, drawn)
    before = {photo.photo_id for photo in stored if asked.relevance(photo) is not None}
    seen: list[int] = []
    mark, waiting, next_id = None, arriving, len(stored) + 1
    while True:
        with database.read() as session:
            page = query.search(
                session, asked.text, sort=sort, limit=2, after=mark, now=generated.NOW
            )
        seen += [hit.photo_id for hit in page.hits]
        mark = page.next_cursor
        if mark is None:
            break
        with database.write() as session:
            generated.add(session, waiting[:1], first_id=next_id)
        waiting, next_id = waiting[1:], next_id + 1
    assert len(seen) == len(set(seen))
    assert before <= set(seen)
