"""Fetches all matches, computes their sort keys and sorts them in the database.

`run` calls it for orders that no index serves; `by_date` and `by_relevance` fall back to it where
few photos are left.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Label,
    Select,
    Text,
    and_,
    collate,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

from catalog.db.sql import member
from catalog.db.tables import Photo, PhotoFile, Root
from catalog.query import counting
from catalog.query.pages import Position, Sort
from catalog.query.plan import Driver, Plan, matching_ids

_COLUMNS: dict[Sort, InstrumentedAttribute[Any]] = {
    Sort.TAKEN: Photo.taken_at,
    Sort.OLDEST: Photo.taken_at,
    Sort.ADDED: Photo.added_at,
}

# Aliases for the subquery over the photo's files, so that it never clashes with the outer query.
_FILE, _ROOT = aliased(PhotoFile, name="named"), aliased(Root, name="named_root")


def column_of(sort: Sort) -> InstrumentedAttribute[Any] | None:
    """Return the `Photo` column that this order sorts by, or None (relevance, name)."""
    return _COLUMNS.get(sort)


def find_sorted(
    plan: Plan, driver: Driver | None, sort: Sort, limit: int | None, after: Position | None
) -> list[Position]:
    """Return the first `limit` matches after position `after`; all of them if `limit` is None."""
    ids = _select_ids(plan, driver).subquery("matching").c[0]
    found = select(ids.label("id")).cte("found").prefix_with("MATERIALIZED", dialect="postgresql")
    rated = select(found.c.id, _key(plan, sort, found)).cte("rated")
    key: ColumnElement[Any] = rated.c.key
    is_rising = sort in {Sort.OLDEST, Sort.NAME}
    order = (key.asc(), rated.c.id.asc()) if is_rising else (key.desc(), rated.c.id.desc())
    page = select(key, rated.c.id).order_by(order[0].nulls_last(), order[1]).limit(limit)
    page = page.where(_beyond(key, rated.c.id, after, is_rising=is_rising))
    return [Position(value, photo_id) for value, photo_id in plan.session.execute(page)]


def _select_ids(plan: Plan, driver: Driver | None) -> Select[int]:
    if driver is None or not counting.are_flags_cheaper(plan, driver):
        return matching_ids(plan, driver)
    from catalog.query import all_matches  # noqa: PLC0415 - brings NumPy, for many matches alone

    photo_id: Any = Photo.id
    return select(photo_id).where(member(photo_id, all_matches.find_ids(plan), plan.dialect))


def _key(plan: Plan, sort: Sort, found: CTE) -> Label[Any]:
    column = column_of(sort)
    if column is not None:
        own = select(column).where(Photo.id == found.c.id)
        return own.scalar_subquery().label("key")
    if sort is Sort.NAME:
        return _first_path(plan, found).label("key")
    return plan.about(found.c.id).relevance(plan.node).label("key")


def _first_path(plan: Plan, found: CTE) -> ColumnElement[str]:
    """Return the SQL expression for a photo's first path by code point.

    Present files come before missing ones; a photo without files sorts as the empty string.
    """
    binary = "C" if plan.dialect == "postgresql" else "BINARY"
    file, root = _FILE, _ROOT
    path = collate(root.path + "/" + file.path, binary)
    of_photo = select(func.min(path))
    of_photo = of_photo.where(file.photo_id == found.c.id, root.id == file.root_id)
    present = of_photo.where(file.missing_since.is_(None)).scalar_subquery()
    first = func.coalesce(present, of_photo.scalar_subquery(), literal(""), type_=Text())
    return collate(first, binary)


def _beyond(
    key: ColumnElement[Any],
    photo_id: ColumnElement[int],
    after: Position | None,
    *,
    is_rising: bool,
) -> ColumnElement[bool]:
    if after is None:
        return true()
    later_id = photo_id > after.photo_id if is_rising else photo_id < after.photo_id
    if after.key is None:
        return and_(key.is_(None), later_id)
    mark = literal(after.key, key.type)
    later_key = key > mark if is_rising else key < mark
    return or_(later_key, and_(key == mark, later_id), key.is_(None))
