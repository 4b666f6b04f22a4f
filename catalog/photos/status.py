"""Counts photos by state and lists failures; it changes nothing.

`kadr status`, `kadr failures` and every progress bar call it.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, exists, func, select, union_all
from sqlalchemy.orm import Session

from catalog import paths
from catalog.db import sql
from catalog.db.tables import (
    Photo,
    PhotoEvent,
    PhotoFile,
    PhotoState,
    PhotoTag,
    Root,
    Sidecar,
    Tag,
)
from catalog.photos import files, lifecycle
from catalog.photos.history import EventKind

#: The period over which the rate is measured, and the events that are read for it at most.
RATE_WINDOW_S, RATE_EVENTS = 300.0, 20_000
_IS_TAGGED = (EventKind.TAGGED.value, EventKind.RETAGGED.value)


@dataclass(frozen=True, slots=True)
class Counts:
    """Photos by state; those that lie nowhere are in `missing` or `superseded` alone."""

    pending: int = 0
    #: Of the pending ones: their file was missing or changing at the last attempt.
    waiting: int = 0
    leased: int = 0
    tagged: int = 0
    quarantined: int = 0
    missing: int = 0
    #: Photos whose picture was edited in their file: another one has their decisions.
    superseded: int = 0
    #: Files that could not be read, and so belong to no photo.
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A quarantined photo, or a file that cannot be read."""

    #: None for a file that could not be read at all.
    photo_id: int | None
    #: Absolute and printable.
    path: str
    reason: str


def count_states(
    session: Session,
    root_ids: Collection[int] | None = None,
    photo_ids: Collection[int] | None = None,
) -> Counts:
    """Return the number of photos in each state: of the whole catalogue, some roots, or some."""
    if root_ids is None and photo_ids is None:
        return _count_all(session)
    here = _is_here(root_ids, photo_ids)
    waits = lifecycle.is_waiting()
    rows = session.execute(
        select(Photo.state, waits, func.count()).where(here).group_by(Photo.state, waits)
    )
    found: dict[PhotoState, int] = dict.fromkeys(PhotoState, 0)
    waiting = 0
    for state, is_waiting, count in rows:
        found[state] += count
        waiting += count if is_waiting else 0
    return Counts(
        pending=found[PhotoState.PENDING],
        waiting=waiting,
        leased=found[PhotoState.LEASED],
        tagged=found[PhotoState.TAGGED],
        quarantined=found[PhotoState.QUARANTINED],
        missing=_count_gone(session, is_superseded=False) if root_ids is None else 0,
        superseded=_count_gone(session, is_superseded=True) if root_ids is None else 0,
        unreadable=files.count_files(session, _is_unreadable(root_ids)),
    )


def _count_all(session: Session) -> Counts:
    """Return the photos of the whole catalogue in each state, without a look at their files."""
    waits = and_(lifecycle.is_waiting(), Photo.missing_since.is_(None))
    waiting = select(func.count(Photo.id)).where(_is_in(PhotoState.PENDING), waits)
    return replace(
        count_progress(session),
        waiting=session.scalar(waiting) or 0,
        unreadable=files.count_files(session, _is_unreadable(None)),
    )


def count_progress(session: Session) -> Counts:
    """Return the photos in each state, without those that wait, which takes longer to find out.

    Indexes answer it alone: a page that watches the tagging asks again and again.
    """
    found = dict(session.execute(select(Photo.state, func.count()).group_by(Photo.state)).all())
    gone = select(Photo.id).where(Photo.missing_since.is_not(None))
    of_gone = select(Photo.state, func.count()).where(Photo.id.in_(gone)).group_by(Photo.state)
    missing = dict(session.execute(of_gone).all())
    here = {state: found.get(state, 0) - missing.get(state, 0) for state in PhotoState}
    return Counts(
        pending=here[PhotoState.PENDING],
        leased=here[PhotoState.LEASED],
        tagged=here[PhotoState.TAGGED],
        quarantined=here[PhotoState.QUARANTINED],
        missing=_count_gone(session, is_superseded=False),
        superseded=_count_gone(session, is_superseded=True),
    )


def count_unfinished(
    session: Session,
    root_ids: Collection[int] | None = None,
    photo_ids: Collection[int] | None = None,
) -> int:
    """Return how many photos are leased, or pending and not waiting; cheap if few are left."""
    state = Photo.state.in_([PhotoState.PENDING, PhotoState.LEASED])
    here = _is_here(root_ids, photo_ids)
    query = select(func.count(Photo.id)).where(state, ~lifecycle.is_waiting(), here)
    return session.scalar(query) or 0


def get_rate(session: Session, now: datetime) -> float:
    """Return the photos tagged per second over the last `RATE_WINDOW_S`, from the history.

    Of a fleet that is so fast that `RATE_EVENTS` are fewer seconds, it is the rate of those.
    """
    newest = select(PhotoEvent.at, PhotoEvent.kind).order_by(PhotoEvent.id.desc())
    recent = newest.limit(RATE_EVENTS).subquery()
    query = select(
        func.count(),
        func.count(case((recent.c.kind.in_(_IS_TAGGED), 1))),
        func.min(recent.c.at),
    ).where(recent.c.at > now - timedelta(seconds=RATE_WINDOW_S))
    events, tagged, first = session.execute(query).one()
    is_cut = events == RATE_EVENTS
    took = max((now - first).total_seconds(), 1.0) if is_cut else RATE_WINDOW_S
    return float(tagged / took)


def find_failures(session: Session, *, limit: int | None = None) -> list[Failure]:
    """Return quarantined photos and unreadable files with reasons, ordered by path."""
    columns = (PhotoFile.photo_id, Root.path, PhotoFile.path, PhotoFile.failure)
    of_root = select(*columns).join(Root, Root.id == PhotoFile.root_id)
    put_aside = (
        of_root.with_only_columns(*columns[:3], Photo.failure)
        .join(Photo, Photo.id == PhotoFile.photo_id)
        .where(_is_in(PhotoState.QUARANTINED), PhotoFile.missing_since.is_(None))
    )
    # Two statements in one: with an OR no index would serve, and all files would be read.
    both = union_all(put_aside, of_root.where(_is_unreadable(None))).subquery()
    photo_id, root, path, failure = both.c
    query = select(photo_id, root, path, failure).order_by(root, path).limit(limit)
    return [
        Failure(photo_id, paths.printable(f"{root}/{path}"), reason or "unknown")
        for photo_id, root, path, reason in session.execute(query)
    ]


def count_due(session: Session, now: datetime) -> int:
    """Return how many pending photos a worker may take now."""
    due = (Photo.state == PhotoState.PENDING) & (Photo.due_at <= now)
    return session.scalar(select(func.count(Photo.id)).where(due)) or 0


def find_added(session: Session, photo_ids: Collection[int]) -> dict[int, datetime]:
    """Return when photos were first seen."""
    return {
        photo_id: added_at
        for chunk in sql.chunks(photo_ids)
        for photo_id, added_at in session.execute(
            select(Photo.id, Photo.added_at).where(Photo.id.in_(chunk))
        )
    }


def count_sidecars(session: Session) -> dict[str, int]:
    """Return the number of sidecars by state; states without any are left out."""
    query = select(Sidecar.state, func.count()).where(Sidecar.missing_since.is_(None))
    rows = session.execute(query.group_by(Sidecar.state))
    return {state.value: count for state, count in rows}


def count_tags(session: Session) -> int:
    """Return how many keywords at least one photo has that is not missing."""
    gone = select(Photo.id).where(Photo.missing_since.is_not(None))
    used = exists().where(PhotoTag.tag_id == Tag.id, PhotoTag.photo_id.not_in(gone))
    return session.scalar(select(func.count(Tag.id)).where(used)) or 0


def _is_in(state: PhotoState) -> ColumnElement[bool]:
    """Return the SQL condition that a photo is in a state of which few are.

    SQLite knows how many photos are in a state on average alone, and would rather read all photos
    than use the index; for a list of ids it uses it.
    """
    return Photo.id.in_(select(Photo.id).where(Photo.state == state))


def _is_here(
    root_ids: Collection[int] | None, photo_ids: Collection[int] | None = None
) -> ColumnElement[bool]:
    condition = and_(PhotoFile.photo_id == Photo.id, PhotoFile.missing_since.is_(None))
    if root_ids is not None:
        condition = and_(condition, PhotoFile.root_id.in_(root_ids))
    lies: ColumnElement[bool] = exists().where(condition)
    return lies if photo_ids is None else and_(lies, Photo.id.in_(photo_ids))


def _is_unreadable(root_ids: Collection[int] | None) -> ColumnElement[bool]:
    condition = and_(PhotoFile.photo_id.is_(None), PhotoFile.missing_since.is_(None))
    return condition if root_ids is None else and_(condition, PhotoFile.root_id.in_(root_ids))


def _count_gone(session: Session, *, is_superseded: bool) -> int:
    heir = Photo.superseded_by_id
    has_heir = heir.is_not(None) if is_superseded else heir.is_(None)
    query = select(func.count(Photo.id)).where(Photo.missing_since.is_not(None), has_heir)
    return session.scalar(query) or 0
