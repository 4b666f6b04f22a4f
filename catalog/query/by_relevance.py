"""The best matches first, without rating every match.

The driver's photos are read best first until none that is left can be better: Fagin's threshold
algorithm (doi:10.1016/S0022-0000(03)00026-6) with the bound that AND is the least of its parts.
Where another part of the AND is about as common, its photos down to the same confidence are read
too and the two lists are intersected: to look thousands of photos up one by one takes far longer.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, func, literal, literal_column, select, true, tuple_
from sqlalchemy.orm import aliased

from catalog.db.sql import as_real, member
from catalog.db.tables import PhotoTag, Tag
from catalog.language.tree import And, Word
from catalog.query import all_sorted
from catalog.query.compiler import rules_of
from catalog.query.pages import Position, Sort
from catalog.query.plan import DRIVEN, Driver, Plan, find_driver, has_driver

#: The driver's photos in the first look, and by how much further looks are larger.
FIRST_LOOK = 400
GROWTH = 4
LEAST_LOOK = 8
#: Parts up to so many times as common as the driver are read beside it rather than looked up.
AS_COMMON = 4
#: Such a look begins at the top, so one that takes in half of the driver takes in all of it.
FEW_LEFT = 2

_BESIDE = aliased(PhotoTag, name="beside")


def find_best(plan: Plan, driver: Driver, limit: int, after: Position | None) -> list[Position]:
    """Give the driver's photos that match, best first, from after a place on."""
    best: dict[int, Position] = {}
    for high, low in _looks(plan, driver, after):
        if low is None and high is None:  # all that is left is all there is
            return all_sorted.find_sorted(plan, driver, Sort.RELEVANCE, limit, after)
        for place in _look(plan, driver, (high, low), limit, after):
            best[place.photo_id] = place
        ranked = sorted(best.values(), key=_descending)[:limit]
        if len(ranked) == limit and low is not None and _descending(ranked[-1]) <= _descending(low):
            break
        best = {place.photo_id: place for place in ranked}
    return sorted(best.values(), key=_descending)[:limit]


def _descending(place: Position) -> tuple[float, int]:
    return (-float(place.key or 0), -place.photo_id)  # type: ignore[arg-type]


def _looks(
    plan: Plan, driver: Driver, after: Position | None
) -> Iterator[tuple[Position | None, Position | None]]:
    """Cut the driver's photos into looks, best first: after one place, down to another."""
    high = after if isinstance(plan.node, Word) and len(driver.tag_ids) == 1 else None
    depth = max(FIRST_LOOK // len(driver.tag_ids), LEAST_LOOK)
    is_beside = bool(_find_beside(plan, driver))
    while True:
        is_last = is_beside and depth * FEW_LEFT > driver.photos
        low = None if is_last else _rank(plan, driver, high, depth)
        yield high, low
        if low is None:
            return
        # What has little of a part beside was passed over, so the next look begins at the top.
        high, depth = (high if is_beside else low), depth * GROWTH


def _find_beside(plan: Plan, driver: Driver) -> list[Driver]:
    """Find the parts of an AND that are read beside its driver: words, and ORs of words."""
    if not isinstance(plan.node, And):
        return []
    others = [child for child in plan.node.children if child is not driver.covers]
    parts = [(child, find_driver(child, plan.terms)) for child in others]
    return [
        part
        for child, part in parts
        if part and part.covers is child and part.photos <= AS_COMMON * driver.photos
    ]


def _is_beside(plan: Plan, part: Driver, low: Position) -> ColumnElement[bool]:
    """Say that a driver's row is of a photo that has a part as surely as a place asks for."""
    beside = select(_BESIDE.photo_id).where(
        has_driver(plan, _BESIDE, part),  # one lower bound is for the index
        _BESIDE.confidence >= as_real(float(low.key or 0)),  # type: ignore[arg-type]
    )
    # Added to 0, or SQLite would look each of these photos up in the driver's index.
    return (DRIVEN.photo_id + literal_column("0")).in_(beside)


def _rank(plan: Plan, driver: Driver, high: Position | None, depth: int) -> Position | None:
    """Give the place of the photo at a depth of the driver; None where it has fewer.

    Of several tags it is the best of their confidences at that depth: no tag has more than
    `depth` photos above it. Id 0 then takes in all photos of that very confidence.
    """
    row = DRIVEN
    ranked = select(row.confidence, row.photo_id).where(
        *rules_of(row, driver.rules, plan.least, is_ranked=True), _below(row, high)
    )
    ranked = ranked.order_by(row.confidence.desc(), row.photo_id.desc()).limit(1).offset(depth)
    if len(driver.tag_ids) == 1:
        found = plan.session.execute(ranked.where(row.tag_id == driver.tag_ids[0])).first()
        return Position(found[0], found[1]) if found else None
    one = ranked.with_only_columns(row.confidence).where(row.tag_id == Tag.id)
    each = select(func.max(one.correlate(Tag).scalar_subquery()))
    best = plan.session.scalar(each.where(member(Tag.id, driver.tag_ids, plan.dialect)))
    return None if best is None else Position(best, 0)


def _below(row: Any, place: Position | None) -> ColumnElement[bool]:  # noqa: ANN401
    if place is None:
        return true()
    return tuple_(row.confidence, row.photo_id) < _pair(place)


def _pair(place: Position) -> ColumnElement[Any]:
    key = place.key if isinstance(place.key, float | int) else 0.0
    return tuple_(as_real(key), literal(place.photo_id))


def _look(
    plan: Plan,
    driver: Driver,
    look: tuple[Position | None, Position | None],
    limit: int,
    after: Position | None,
) -> list[Position]:
    high, low = look
    row = DRIVEN
    # One lower bound is for the index, and the place is the nearer one.
    is_one = len(driver.tag_ids) == 1
    ids = select(row.photo_id.label("id"), *([row.confidence.label("own")] if is_one else []))
    ids = ids.where(has_driver(plan, row, driver, is_ranked=low is None), _below(row, high))
    if low is not None:
        ids = ids.where(
            tuple_(row.confidence, row.photo_id) >= _pair(low),
            *(_is_beside(plan, part, low) for part in _find_beside(plan, driver)),
        )
    # PostgreSQL would look the other words up before it asks whether the photo is in the lists.
    seen = (ids if is_one else ids.distinct()).cte("seen")
    seen = seen.prefix_with("MATERIALIZED", dialect="postgresql")
    found = select(seen).where(plan.matches(seen.c.id, driver=driver)).cte("found")
    known = {driver.covers: found.c.own} if is_one and driver.covers is not None else None
    fit = plan.about(found.c.id, known=known).relevance(plan.node).label("fit")
    rated = select(found.c.id, fit).cte("rated")
    page = select(rated.c.fit, rated.c.id).order_by(rated.c.fit.desc(), rated.c.id.desc())
    if after is not None:
        page = page.where(tuple_(rated.c.fit, rated.c.id) < _pair(after))
    return [Position(fit, photo_id) for fit, photo_id in plan.session.execute(page.limit(limit))]
