"""Counts the keywords, years, cameras and formats of a result; `Prepared.facets` calls it.

A result of more than `SAMPLE` photos is estimated from an even sample of about that many: each
count in the sample is multiplied by the step between the photos. So a million photos take as long
as a few thousand, and `is_exact` is False.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, Select, cast, extract, func, select
from sqlalchemy.orm import Session

from catalog.db.sql import member
from catalog.db.tables import Photo, PhotoTag
from catalog.query import counting, plan
from catalog.tags import store, threshold

#: About how many photos are counted.
SAMPLE = 2_000
#: How many values of each facet are returned.
SHOWN = 20
_MAX_YEARS = 200


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value, and the number of photos in the result that have it."""

    value: str
    photos: int


@dataclass(frozen=True, slots=True)
class Facets:
    """The most frequent values of each kind, most frequent first; years newest first."""

    keywords: tuple[FacetValue, ...]
    years: tuple[FacetValue, ...]
    cameras: tuple[FacetValue, ...]
    formats: tuple[FacetValue, ...]
    #: Whether every photo was counted; otherwise the counts are estimated from a sample.
    is_exact: bool
    #: The photos of the result, estimated like the counts: a value that all of them have says
    #: nothing that the query did not say.
    photos: int


def count_facets(ready: plan.Plan, *, limit: int = SHOWN) -> Facets:
    """Return the `limit` most frequent values of each facet among the photos of a query."""
    session, driver = ready.session, ready.driver
    if driver is not None and not driver.tag_ids:
        return Facets((), (), (), (), is_exact=True, photos=0)
    ids, step = _sampled(ready, driver)
    shown = _keywords(ready, ids, limit)
    years = _columns(session, ids, cast(extract("year", Photo.taken_at), Integer), _MAX_YEARS)
    return Facets(
        keywords=_values(shown, step),
        years=_values(sorted(years, reverse=True)[:limit], step),
        cameras=_values(_columns(session, ids, Photo.camera, limit), step),
        formats=_values(_columns(session, ids, Photo.format, limit), step),
        is_exact=step == 1,
        photos=len(ids) * step,
    )


def _values(rows: Iterable[tuple[object, int]], step: int) -> tuple[FacetValue, ...]:
    return tuple(FacetValue(str(value), photos * step) for value, photos in rows)


def _sampled(ready: plan.Plan, driver: plan.Driver | None) -> tuple[Sequence[int], int]:
    """Return the ids to count, and how many photos of the result each of them stands for."""
    by_flags = driver is not None and counting.are_flags_cheaper(ready, driver)
    if driver and by_flags and counting.estimate_matches(ready, driver) <= SAMPLE:
        return _evenly(ready)
    matching = plan.matching_ids(ready, driver)
    likely = driver.photos if driver is not None else _n_photos(ready.session)
    if likely > 2 * SAMPLE:
        step = likely // SAMPLE
        ids = _every(ready, matching, step)
        if len(ids) * step > SAMPLE:
            return ids, step
    if by_flags:
        return _evenly(ready)
    ids = list(ready.session.scalars(matching.limit(SAMPLE + 1)))
    return (ids, 1) if len(ids) <= SAMPLE else (_every(ready, matching, 2), 2)


def _evenly(ready: plan.Plan) -> tuple[Sequence[int], int]:
    """Return what `_sampled` does, of all matches in ascending order."""
    from catalog.query import all_matches  # noqa: PLC0415 - brings NumPy, for many matches alone

    found = all_matches.find_ids(ready)
    step = max(1, len(found) // SAMPLE)
    return found[::step], step


def _every(ready: plan.Plan, matching: Select[int], step: int) -> list[int]:
    """Return the matching ids that `step` divides: an even sample, without reading all matches."""
    column = matching.selected_columns[0]
    return list(ready.session.scalars(matching.where(column % step == 0).limit(4 * SAMPLE)))


def _n_photos(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Photo)) or 0


def _among(session: Session, statement: Select[Any, Any], column: Any, ids: Sequence[int]) -> Any:  # noqa: ANN401
    dialect = session.get_bind().dialect.name
    return session.execute(statement.where(member(column, ids, dialect)))


def _keywords(ready: plan.Plan, ids: Sequence[int], limit: int) -> list[tuple[Any, int]]:
    session, photos = ready.session, func.count()
    counted = select(PhotoTag.tag_id, photos).group_by(PhotoTag.tag_id)
    counted = counted.where(threshold.counts(PhotoTag, ready.least))
    ordered = counted.order_by(photos.desc(), PhotoTag.tag_id).limit(limit)
    rows = _among(session, ordered, PhotoTag.photo_id, ids).all()
    names = store.find_names(session, (tag_id for tag_id, _ in rows))
    return [(names[tag_id], number) for tag_id, number in rows]


def _columns(
    session: Session,
    ids: Sequence[int],
    column: Any,  # noqa: ANN401
    limit: int,
) -> list[tuple[Any, int]]:
    photos = func.count()
    counted = select(column, photos).where(column.is_not(None)).group_by(column)
    ordered = counted.order_by(photos.desc(), column).limit(limit)
    return [(value, number) for value, number in _among(session, ordered, Photo.id, ids)]
