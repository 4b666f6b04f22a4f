"""Months of a search: how many photos each has, how wide they are together, and the photos of one.

A grid of any size is laid out from these: `GET /api/v1/timeline` calls it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Float, Text, and_, case, cast, func, select, type_coerce

from catalog.db.tables import Photo
from catalog.errors import QueryError
from catalog.query.plan import Plan, matching_ids

#: Photos are shown no narrower and no wider than this, width by height.
MIN_RATIO, MAX_RATIO = 0.3, 4.0
#: Of a photo whose size is not known yet.
USUAL_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class Month:
    """Photos of one month."""

    #: `2013-05`; None for photos without a date.
    month: str | None
    photos: int
    #: Sum of their ratios, width by height, each between `MIN_RATIO` and `MAX_RATIO`.
    ratios: float


@dataclass(frozen=True, slots=True)
class Shown:
    """What a grid needs of a photo."""

    photo_id: int
    ratio: float
    sha256: bytes
    thumbhash: bytes | None


def find_months(found: Plan) -> list[Month]:
    """Return the months of a search, the newest first, those without a date last."""
    if _is_hopeless(found):
        return []
    name = _month_of(found.dialect)
    query = (
        select(name.label("month"), func.count(), func.sum(_ratio()))
        .where(_is_match(found))
        .group_by("month")
    )
    months = [Month(*row) for row in found.session.execute(query)]
    return sorted(months, key=lambda each: each.month or "", reverse=True)


def find_shown(found: Plan, month: str | None) -> list[Shown]:
    """Return the photos of a month of a search, the newest first.

    Args:
        found: The search.
        month: `2013-05`, or None for photos without a date.

    Raises:
        QueryError: It is not a month.
    """
    if _is_hopeless(found):
        return []
    query = (
        select(Photo.id, _ratio(), Photo.sha256, Photo.thumbhash)
        .where(_is_match(found), _is_in(month))
        .order_by(Photo.taken_at.desc(), Photo.id.desc())
    )
    return [
        Shown(photo_id, round(float(ratio), 4), sha256, thumbhash)
        for photo_id, ratio, sha256, thumbhash in found.session.execute(query)
    ]


def _is_hopeless(found: Plan) -> bool:
    return found.driver is not None and not found.driver.tag_ids


def _is_match(found: Plan) -> ColumnElement[bool]:
    driver = found.driver
    if driver is None:
        return found.matches(Photo.id, Photo, is_whole=True)
    return Photo.id.in_(matching_ids(found, driver, is_whole=True))


def _is_in(month: str | None) -> ColumnElement[bool]:
    if month is None:
        return Photo.taken_at.is_(None)
    try:
        start = datetime.strptime(month, "%Y-%m")  # noqa: DTZ007 - a camera's clock has no zone
        after = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    except ValueError as error:
        raise QueryError(f"'{month}' is not a month; write 2013-05, or none") from error
    return and_(Photo.taken_at >= start, Photo.taken_at < after)


def _month_of(dialect: str) -> ColumnElement[str]:
    if dialect == "sqlite":
        return func.substr(type_coerce(Photo.taken_at, Text()), 1, 7)
    return func.to_char(Photo.taken_at, "YYYY-MM")


def _ratio() -> ColumnElement[float]:
    ratio = cast(Photo.width, Float) / func.nullif(Photo.height, 0)
    within = case((ratio < MIN_RATIO, MIN_RATIO), (ratio > MAX_RATIO, MAX_RATIO), else_=ratio)
    return func.coalesce(within, USUAL_RATIO)
