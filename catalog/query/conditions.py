"""Translates conditions on the photo itself (`taken:`, `camera:`, `is:`, `near:`, ...) to SQL.

`compiler` calls it for each filter of a query, and `plan` to leave missing photos out.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.orm import aliased

from catalog.db import sql
from catalog.db.tables import Decision, Photo, PhotoFile, PhotoState, PhotoTag, Root, Source
from catalog.language.fields import Choice, Interval, Pattern
from catalog.language.tree import Filter, Node, walk
from catalog.photos import sidecars
from catalog.query import geo
from catalog.said import TakenPrecision
from catalog.tags import threshold

# Aliases are created once and shared: every condition is a subquery with its own scope.
_PHOTO, _FILE = aliased(Photo, name="own"), aliased(PhotoFile, name="lying")
_ROOT, _ROW = aliased(Root, name="below"), aliased(PhotoTag, name="said")


@dataclass(frozen=True, slots=True)
class Subject:
    """The photo that a condition refers to: its id, and its table if the statement selects it."""

    photo_id: ColumnElement[int]
    dialect: str
    #: `Photo` if the statement selects from it, so that its indexes serve the filter.
    photo: type[Photo] | None = None
    #: Whether all matches are wanted, not a page: joins then cost less than one probe per photo.
    is_whole: bool = False
    #: The threshold: the least confidence at which a keyword counts; see `catalog.tags.threshold`.
    least: float = threshold.DEFAULT
    #: Whether few photos are missing, a planning hint; see `catalog.photos.files.FEW_GONE`.
    few_gone: bool = False


def condition(node: Filter, subject: Subject) -> ColumnElement[bool]:
    """Return the SQL condition that a photo meets a filter; an unknown value does not meet it."""
    if node.field == "path":
        return _path(node.operand, subject)
    if node.field == "is":
        return _state(node.operand, subject)
    return _of_photo(
        subject, lambda photo: _COLUMNS[node.field](photo, node.operand, subject.dialect)
    )


def _of_photo(subject: Subject, holds: Callable[[Any], ColumnElement[bool]]) -> ColumnElement[bool]:
    if subject.photo is not None:
        return holds(subject.photo)
    photo = _PHOTO
    return exists(select(literal_column("1")).where(photo.id == subject.photo_id, holds(photo)))


def is_present(subject: Subject) -> ColumnElement[bool]:
    """Return the SQL condition that at least one file of the photo exists."""
    if subject.photo is not None:
        return subject.photo.missing_since.is_(None)
    photo = _PHOTO
    is_gone = photo.missing_since.is_not(None)  # a partial index covers these
    if subject.few_gone or (subject.is_whole and subject.dialect == "sqlite"):  # one read
        return subject.photo_id.not_in(select(photo.id).where(is_gone))
    if subject.is_whole:  # PostgreSQL joins
        here = photo.id == subject.photo_id
        return ~exists(select(literal_column("1")).where(here, is_gone))
    # A scalar subquery because of PostgreSQL: see `Compiler._best`.
    gone = select(photo.missing_since).where(photo.id == subject.photo_id)
    return gone.scalar_subquery().is_(None)


def mentions_missing(node: Node) -> bool:
    """Return whether a query mentions `is:missing` or `is:superseded`; no other finds these."""
    return any(isinstance(each, Filter) and each.operand in _GONE for each in walk(node))


def within(
    column: ColumnElement[Any],
    interval: Interval,
    bind: Callable[[Any], ColumnElement[Any]] = literal,
) -> ColumnElement[bool]:
    """Return the SQL condition that a column lies in an interval."""
    found: list[ColumnElement[bool]] = [column.is_not(None)]
    if interval.low is not None:
        low = bind(interval.low)
        found.append(column > low if interval.low_open else column >= low)
    if interval.high is not None:
        high = bind(interval.high)
        found.append(column < high if interval.high_open else column <= high)
    return and_(*found)


def like_pattern(pattern: str) -> tuple[str, bool]:
    """Return a pattern with `*` and `?` as a LIKE pattern, and whether it had any wildcard.

    `!` is the escape character. Without wildcards the text may stand anywhere: `a_b` becomes
    `%a!_b%`, `IMG_*` becomes `IMG!_%`.
    """
    if not any(char in pattern for char in "*?"):
        return f"%{sql.like_escape(pattern)}%", False
    return sql.like_escape(pattern).replace("*", "%").replace("?", "_"), True


def _matches(column: ColumnElement[str], pattern: Pattern) -> ColumnElement[bool]:
    return column.ilike(like_pattern(pattern.text)[0], escape="!")


def _path(pattern: Any, subject: Subject) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the SQL condition that a file of the photo has a path that matches.

    A pattern that starts with `/` is compared with the absolute path. Any other is compared with
    the path below the root, and with what follows each folder in it.
    """
    file, root = _FILE, _ROOT
    like, is_whole = like_pattern(unicodedata.normalize("NFC", pattern.text))
    below: ColumnElement[bool]
    if pattern.text.startswith("/"):
        whole = root.path + "/" + file.path
        below = _path_like(whole, like if is_whole else like.removeprefix("%"), subject.dialect)
    else:
        below = or_(*(_path_like(file.path, each, subject.dialect) for each in (like, f"%/{like}")))
    inner = (file.root_id == root.id, file.photo_id == subject.photo_id, below)
    return exists(select(literal_column("1")).where(*inner))


def _path_like(path: Any, like: str, dialect: str) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the SQL condition that a path is LIKE a pattern, whatever its case.

    A Mac writes names decomposed ("E" and an accent), so that they are composed before they are
    compared. ASCII has one form only, and SQLite's own LIKE knows its case.
    """
    if like.isascii():
        found: ColumnElement[bool] = path.ilike(like, escape="!")
        return found
    if dialect == "sqlite":
        return func.kadr_fold_path(path).like(sql.fold_path(like), escape="!")
    return func.normalize(path, literal_column("NFC")).ilike(like, escape="!")


def _state(choice: Any, subject: Subject) -> ColumnElement[bool]:  # noqa: ANN401
    (name,), photo_id = choice.values, subject.photo_id
    row = _ROW
    kept = threshold.counts(row, subject.least)
    if name == "untagged":
        return ~exists(select(literal_column("1")).where(row.photo_id == photo_id, kept))
    if name == "confirmed":
        by_person = or_(row.decision == Decision.CONFIRMED, row.source == Source.PERSON)
        return exists(select(literal_column("1")).where(row.photo_id == photo_id, kept, by_person))
    if name == "withdrawn":
        return sidecars.is_withdrawn(photo_id)
    return _of_photo(subject, _STATES[name])


def _taken(photo: Any, interval: Any) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the SQL condition that all of what is known of a date lies in an interval.

    A photo of which only the year is known is found by `taken:1987`, not by `taken:1987-01`.
    """
    high = interval.high
    if high is None:
        return within(photo.taken_at, interval)
    partly = [
        and_(photo.taken_precision == precision, photo.taken_at > last)
        for precision, last in _last_whole(high).items()
    ]
    return and_(within(photo.taken_at, interval), or_(*partly).is_not(true()))


def _last_whole(high: datetime) -> dict[TakenPrecision, datetime]:
    """Return the beginning of the last year and the last month that end before a moment."""
    month = high.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year = month.replace(month=1)
    earlier = month.year * 12 + month.month - 2
    return {
        TakenPrecision.YEAR: year.replace(year=max(year.year - 1, 1)),
        TakenPrecision.MONTH: month.replace(year=max(earlier // 12, 1), month=earlier % 12 + 1),
    }


_GONE = (Choice(("missing",)), Choice(("superseded",)))

_STATES: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "tagged": lambda photo: photo.state == PhotoState.TAGGED,
    "pending": lambda photo: photo.state.in_([PhotoState.PENDING, PhotoState.LEASED]),
    "failed": lambda photo: photo.state == PhotoState.QUARANTINED,
    "located": lambda photo: and_(photo.latitude.is_not(None), photo.longitude.is_not(None)),
    "missing": lambda photo: and_(
        photo.missing_since.is_not(None), photo.superseded_by_id.is_(None)
    ),
    "superseded": lambda photo: photo.superseded_by_id.is_not(None),
    "dated": lambda photo: photo.taken_at.is_not(None),
}

_COLUMNS: dict[str, Callable[[Any, Any, str], ColumnElement[bool]]] = {
    "taken": lambda photo, operand, _: _taken(photo, operand),
    "added": lambda photo, operand, _: within(
        photo.added_at, operand, lambda value: literal(value, Photo.added_at.type)
    ),
    "width": lambda photo, operand, _: within(photo.width, operand),
    "height": lambda photo, operand, _: within(photo.height, operand),
    "size": lambda photo, operand, _: within(photo.size_bytes, operand),
    "camera": lambda photo, operand, _: _matches(photo.camera, operand),
    "format": lambda photo, operand, _: _matches(photo.format, operand),
    "near": geo.is_near,
}
