"""Owns the history of photos: the kinds of events, adding events, and news.

`catalog.photos` and `catalog.tags` add an event with each change. `kadr watch` and the demo ask for
news, which are the photos tagged or quarantined since a given event.
"""

import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from catalog import paths
from catalog.db import bulk
from catalog.db.tables import Decision, Photo, PhotoEvent, PhotoFile, PhotoState, PhotoTag, Tag


class EventKind(enum.StrEnum):
    """What happened to a photo; rows hold the value."""

    ADDED = "added"
    #: Its content appeared at a new path while no other file of it was there.
    MOVED = "moved"
    #: Its content appeared at one more path.
    COPIED = "copied"
    #: A missing file of it is back at its path.
    RETURNED = "returned"
    #: Its last file is gone.
    MISSING = "missing"
    #: Another program wrote metadata into its file; the picture is the same.
    REWRITTEN = "rewritten"
    #: It got the decisions about another photo: the one that lay in its place, or shows the same.
    INHERITED = "inherited"
    #: The picture in its last file was edited; another photo has taken its place.
    SUPERSEDED = "superseded"
    TAGGED = "tagged"
    #: It got the keywords of another tagger without being opened.
    RETAGGED = "retagged"
    QUARANTINED = "quarantined"
    #: Its sidecar was written.
    METADATA_WRITTEN = "metadata_written"
    #: The keywords of its file or its sidecars changed.
    METADATA_READ = "metadata_read"
    #: Another program took words of Kadr's out of its sidecar.
    WITHDRAWN = "withdrawn"
    #: A person asked for another attempt after quarantine.
    RETRIED = "retried"
    #: A person added, removed, confirmed or rejected keywords.
    DECIDED = "decided"
    #: A person took a decision back.
    UNDONE = "undone"


_NEWS = frozenset({EventKind.TAGGED, EventKind.QUARANTINED})
#: Neither a photo nor what is known of it changes, apart from its keywords.
_OF_KEYWORDS = frozenset({EventKind.DECIDED, EventKind.UNDONE, EventKind.METADATA_WRITTEN})
#: Another program changed what a photo's file or its sidecars say.
_REREAD = frozenset({EventKind.REWRITTEN, EventKind.METADATA_READ, EventKind.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class News:
    """A photo that was tagged or quarantined."""

    photo_id: int
    #: File name, printable.
    name: str
    #: (keyword, confidence), the highest confidence first; empty if it was quarantined.
    keywords: tuple[tuple[str, float], ...]
    #: Why it was quarantined; None if it was tagged.
    reason: str | None
    added_at: datetime
    finished_at: datetime


def last_event_id(session: Session) -> int:
    """Return the id of the newest event, to be given to `find_news`."""
    return session.scalar(select(func.max(PhotoEvent.id))) or 0


def last_photo_event_id(session: Session, *, after: int = 0) -> int:
    """Return the id of the newest event after another that is no mere decision about keywords.

    It is `after` itself if there is none; the events since are read.
    """
    others = [kind.value for kind in _OF_KEYWORDS]
    query = select(PhotoEvent.id).where(PhotoEvent.id > after, PhotoEvent.kind.not_in(others))
    return session.scalar(query.order_by(PhotoEvent.id.desc()).limit(1)) or after


def count_finished(
    session: Session, after: int, *, root_ids: Collection[int], photo_ids: Collection[int] = ()
) -> dict[EventKind, int]:
    """Return how many photos were last tagged, and last quarantined, after an event id.

    Args:
        session: A session that reads the catalogue.
        after: From `last_event_id`.
        root_ids: Only photos that lie in these roots.
        photo_ids: Only these photos, if any are given.
    """
    last = _last_events(session, after, _NEWS, root_ids)
    kinds = [kind for photo_id, kind in last.items() if not photo_ids or photo_id in photo_ids]
    return {kind: kinds.count(kind.value) for kind in _NEWS}


def count_reread(
    session: Session, after: int, *, root_ids: Collection[int], photo_ids: Collection[int] = ()
) -> int:
    """Return how many photos' metadata changed after an event id, without those tagged since.

    The arguments are those of `count_finished`.
    """
    found = set(_last_events(session, after, _REREAD, root_ids))
    found -= _last_events(session, after, _NEWS, root_ids).keys()
    return len(found & set(photo_ids) if photo_ids else found)


def _last_events(
    session: Session, after: int, kinds: Collection[EventKind], root_ids: Collection[int]
) -> dict[int, str]:
    """Return the last event of some kinds of each photo that lies in the roots."""
    lies = exists().where(
        PhotoFile.photo_id == PhotoEvent.photo_id,
        PhotoFile.missing_since.is_(None),
        PhotoFile.root_id.in_(root_ids),
    )
    query = select(PhotoEvent.photo_id, PhotoEvent.kind).where(
        PhotoEvent.id > after, PhotoEvent.kind.in_([kind.value for kind in kinds]), lies
    )
    return dict(session.execute(query.order_by(PhotoEvent.id)).all())


def find_news(session: Session, after: int, *, limit: int = 100) -> tuple[list[News], int]:
    """Return the news after an event id, in order, and the id to ask after next time."""
    events = session.execute(
        select(PhotoEvent.id, PhotoEvent.photo_id, PhotoEvent.kind, PhotoEvent.at)
        .where(PhotoEvent.id > after)
        .order_by(PhotoEvent.id)
        .limit(limit)
    ).all()
    shown = {photo_id: at for _, photo_id, kind, at in events if kind in _NEWS}
    return _describe(session, shown), max((event_id for event_id, *_ in events), default=after)


def _describe(session: Session, finished: dict[int, datetime]) -> list[News]:
    query = select(Photo).where(Photo.id.in_(finished))
    photos = {photo.id: photo for photo in session.scalars(query)}
    names, keywords = _names(session, finished), _keywords(session, finished)
    return [
        News(
            photo_id,
            names.get(photo_id, f"photo {photo_id}"),
            tuple(keywords.get(photo_id, ())),
            photos[photo_id].failure if _is_quarantined(photos[photo_id]) else None,
            photos[photo_id].added_at,
            at,
        )
        for photo_id, at in finished.items()
        if photo_id in photos
    ]


def _is_quarantined(photo: Photo) -> bool:
    return photo.state == PhotoState.QUARANTINED


def _names(session: Session, photo_ids: Collection[int]) -> dict[int, str]:
    query = select(PhotoFile.photo_id, PhotoFile.path).where(
        PhotoFile.photo_id.in_(photo_ids), PhotoFile.missing_since.is_(None)
    )
    return {
        photo_id: paths.printable(path.rsplit("/", 1)[-1])
        for photo_id, path in session.execute(query)
        if photo_id is not None
    }


def _keywords(session: Session, photo_ids: Collection[int]) -> dict[int, list[tuple[str, float]]]:
    query = (
        select(PhotoTag.photo_id, Tag.name, PhotoTag.confidence)
        .join(Tag, Tag.id == PhotoTag.tag_id)
        .where(
            PhotoTag.photo_id.in_(photo_ids),
            PhotoTag.decision.is_distinct_from(Decision.REJECTED),
        )
        .order_by(PhotoTag.confidence.desc(), Tag.name)
    )
    found: dict[int, list[tuple[str, float]]] = {}
    for photo_id, name, confidence in session.execute(query):
        found.setdefault(photo_id, []).append((name, confidence))
    return found


def add_events(
    session: Session,
    photo_ids: Iterable[int],
    kind: EventKind,
    *,
    now: datetime,
    details: Mapping[int, dict[str, Any]] | None = None,
    change_id: str | None = None,
) -> None:
    """Add one event to each photo's history, with details by photo id.

    `change_id` is the person's decision that the events belong to, for undo.
    """
    known = details or {}
    rows = [
        {"photo_id": photo_id, "at": now, "kind": kind.value, "detail": known.get(photo_id)}
        | {"change_id": change_id}
        for photo_id in photo_ids
    ]
    if rows:
        bulk.insert(session, PhotoEvent, rows)
