"""Returns matches by date without fetching every match; `run` calls it.

While matches are frequent it walks the index of dates, newest (or oldest) first, in growing steps.
Where they turn out to be rare it stops walking, and fetches and sorts the photos that have the
driver's keywords (see `plan`) and come after that point.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, null, select, tuple_

from catalog.db.tables import Photo
from catalog.query import all_sorted, counting
from catalog.query.pages import Position, Sort
from catalog.query.plan import Driver, Plan

#: Drivers with up to this many photos are sorted without a walk; also the largest first step.
SMALL = 2_000
#: What a walk takes for a photo, in ids read by `all_matches`: it lies anywhere in the indexes.
WALKED = 40
_GROWTH = 4
#: The first step of a walk, in pages: small, since often nearly every photo matches.
FIRST_PAGES = 4


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A range of photos that one index lists in order: either the dated or the undated photos."""

    sort: Sort
    is_dated: bool

    def select(self, after: Position | None) -> Select[Any, int]:
        """Return a statement that selects (key, id) in order, beginning after a position."""
        column = all_sorted.column_of(self.sort)
        found = select(null().label("key"), Photo.id)
        key: list[Any] = []
        if column is not None and self.is_dated:
            found = select(column.label("key"), Photo.id).where(column.is_not(None))
            key = [column]
        elif column is not None:
            found = found.where(column.is_(None))
        order = [each if self.sort is Sort.OLDEST else each.desc() for each in [*key, Photo.id]]
        found = found.order_by(*order)
        return found if after is None else found.where(self._beyond(key, after))

    def _beyond(self, key: list[Any], after: Position) -> ColumnElement[bool]:
        mark = [literal(after.key, column.type) for column in key] + [literal(after.photo_id)]
        here, there = tuple_(*key, Photo.id), tuple_(*mark)
        return here > there if self.sort is Sort.OLDEST else here < there


def find_by_date(
    plan: Plan, driver: Driver | None, sort: Sort, limit: int, after: Position | None
) -> list[Position]:
    """Return the first `limit` matches after a position, by date; undated photos come last."""
    if driver is not None and _is_small(plan, driver, limit):
        return all_sorted.find_sorted(plan, driver, sort, limit, after)
    found: list[Position] = []
    for stretch in _stretches(sort, after):
        mark = after if after is not None and _holds(stretch, after) else None
        if driver is None:
            found += _scan(plan, stretch, limit - len(found), mark)
        else:
            walked, is_done = _walk(plan, driver, stretch, limit - len(found), mark)
            found += walked
            if is_done:
                break
        if len(found) >= limit:
            break
    return found


def _is_small(plan: Plan, driver: Driver, limit: int) -> bool:
    """Return whether sorting the driver's photos reads fewer photos than a walk would.

    If one photo in `last / photos` matches, a walk to `limit` matches reads
    `limit * last / photos` photos, which is at least `photos` if `photos**2 <= limit * last`.
    Example: for a page of 50 in a million photos, a keyword on up to 7,071 photos is sorted.

    Common words that are rare together are found by flags: their matches alone are sorted.
    """
    if driver.photos <= SMALL or driver.photos**2 <= limit * plan.last_id:
        return True
    if not counting.are_flags_cheaper(plan, driver):
        return False
    matches = counting.estimate_matches(plan, driver)
    walk = limit * plan.last_id / matches * WALKED
    return walk > counting.count_reads_of_all(plan, plan.node) + matches * counting.LOOK_UP


def _stretches(sort: Sort, after: Position | None) -> list[_Stretch]:
    dated, undated = _Stretch(sort, is_dated=True), _Stretch(sort, is_dated=False)
    if all_sorted.column_of(sort) is None:
        return [undated]
    if sort is Sort.ADDED:
        return [dated]
    return [undated] if after is not None and after.key is None else [dated, undated]


def _holds(stretch: _Stretch, place: Position) -> bool:
    return all_sorted.column_of(stretch.sort) is None or stretch.is_dated == (place.key is not None)


def _scan(plan: Plan, stretch: _Stretch, limit: int, after: Position | None) -> list[Position]:
    """Return the matches of a query without a driver in a single statement.

    Such a query has conditions on the photo itself, and the database picks an index for those.
    """
    page = stretch.select(after).where(plan.matches(Photo.id, Photo)).limit(limit)
    return _places(plan, stretch, page)


def _walk(
    plan: Plan, driver: Driver, stretch: _Stretch, limit: int, after: Position | None
) -> tuple[list[Position], bool]:
    """Return the matches in one stretch, and whether the later stretches can be skipped.

    After each step the walk estimates what is left of it: `walked / len(found)` photos per match,
    times the matches still missing. If that exceeds the driver's photos, it sorts those instead.
    """
    found: list[Position] = []
    mark, depth, walked = after, min(SMALL, FIRST_PAGES * limit), 0
    while True:
        end = plan.session.execute(stretch.select(mark).limit(1).offset(depth - 1)).first()
        found += _step(plan, stretch, limit - len(found), mark, depth)
        if len(found) >= limit or end is None:
            return found, len(found) >= limit
        walked, mark = walked + depth, Position(end.key, end.id)
        if walked * (limit - len(found)) > driver.photos * max(len(found), 1):
            rest = all_sorted.find_sorted(plan, driver, stretch.sort, limit - len(found), mark)
            return found + rest, True
        depth *= _GROWTH


def _step(
    plan: Plan, stretch: _Stretch, limit: int, after: Position | None, depth: int
) -> list[Position]:
    some = stretch.select(after).limit(depth).subquery()
    page = select(some.c.key, some.c.id).where(plan.matches(some.c.id))
    is_rising = stretch.sort is Sort.OLDEST
    order = [each if is_rising else each.desc() for each in (some.c.key, some.c.id)]
    return _places(plan, stretch, page.order_by(*order).limit(limit))


def _places(plan: Plan, stretch: _Stretch, page: Select[Any, int]) -> list[Position]:
    best = 1.0 if stretch.sort is Sort.RELEVANCE else None
    return [
        Position(best if key is None else key, photo_id)
        for key, photo_id in plan.session.execute(page)
    ]
