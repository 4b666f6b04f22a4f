"""Hands on what is known of a photo: decisions to the picture that takes its place, all to a twin.

`files` and `identity` call it. A photo whose picture was edited in its file is *superseded*: the
new picture, its heir, gets every decision and the history of deciding, so that an undo still works.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import Embedding, Photo, PhotoEvent, PhotoTag, Source
from catalog.photos import history, lifecycle
from catalog.photos.history import EventKind

#: What a photo's picture and file say, and a twin therefore has too.
_FACTS = (
    *("width", "height", "format", "truncated_rows", "camera", "latitude", "longitude"),
    *("taken_at", "taken_precision", "taken_offset_minutes", "fact_sources"),
)
_TAG_COLUMNS = ("score", "similarity", "confidence", "source", "decision", "tagger_id")
#: Longer lines of photos that replaced each other do not arise; a damaged one might be a circle.
_MAX_LINE = 1000


def copy_results(session: Session, twins: Mapping[int, int], *, now: datetime) -> None:
    """Let new photos begin with what is known of others of the same picture, by twin.

    Embeddings, facts, keywords and decisions are copied; a twin of a tagged photo is tagged.
    """
    for twin, original in sorted(twins.items()):
        _copy_rows(session, original, twin)
        facts = session.execute(
            select(*(getattr(Photo, name) for name in _FACTS)).where(Photo.id == original)
        ).one()
        session.execute(
            update(Photo)
            .where(Photo.id == twin)
            .values(**dict(zip(_FACTS, facts, strict=True)))
            .execution_options(synchronize_session=False)
        )
    lifecycle.mark_like(session, twins, now=now)
    details = {twin: {"from": original} for twin, original in twins.items()}
    history.add_events(session, sorted(twins), EventKind.INHERITED, now=now, details=details)


def _copy_rows(session: Session, original: int, twin: int) -> None:
    tags = select(PhotoTag.tag_id, *(getattr(PhotoTag, name) for name in _TAG_COLUMNS)).where(
        PhotoTag.photo_id == original
    )
    rows = [dict(row) | {"photo_id": twin} for row in session.execute(tags).mappings()]
    sql.insert_new(session, PhotoTag, rows)
    vectors = select(Embedding.model_id, Embedding.vector).where(Embedding.photo_id == original)
    found = [dict(row) | {"photo_id": twin} for row in session.execute(vectors).mappings()]
    sql.insert_new(session, Embedding, found)


def inherit(session: Session, former: int, heir: int, *, is_later: bool, now: datetime) -> None:
    """Copy a person's decisions about a photo to another one, and note it in its history.

    Args:
        session: The caller's transaction, which has locked both photos.
        former: The photo that the decisions are about.
        heir: The photo that gets them.
        is_later: Whether they are later than the heir's own and win; otherwise the heir's stay.
        now: The time of the change.
    """
    columns = ("tag_id", "source", "decision", "confidence")
    decided = session.execute(
        select(*(getattr(PhotoTag, name) for name in columns)).where(
            PhotoTag.photo_id == former, PhotoTag.decision.is_not(None)
        )
    ).mappings()
    rows = [dict(row) | {"photo_id": heir} for row in decided]
    if is_later:
        _forget_withdrawn(session, heir, [row["tag_id"] for row in rows])
    _upsert(session, rows, is_later=is_later)
    if rows:
        detail = {heir: {"from": former, "keywords": len(rows)}}
        history.add_events(session, [heir], EventKind.INHERITED, now=now, details=detail)


def _forget_withdrawn(session: Session, heir: int, kept: Sequence[int]) -> None:
    """Delete words that a person had given the heir and has since taken from its successor."""
    session.execute(
        delete(PhotoTag).where(
            PhotoTag.photo_id == heir,
            PhotoTag.source == Source.PERSON,
            PhotoTag.decision.is_not(None),
            PhotoTag.tag_id.not_in(kept),
        )
    )


def _upsert(session: Session, rows: Sequence[dict[str, Any]], *, is_later: bool) -> None:
    if not rows:
        return
    statement = sql.insert(session, PhotoTag)
    upsert = statement.on_conflict_do_update(
        index_elements=[PhotoTag.tag_id, PhotoTag.photo_id],
        set_={name: statement.excluded[name] for name in ("source", "decision", "confidence")},
        where=None if is_later else PhotoTag.decision.is_(None),
    )
    session.execute(upsert, list(rows))


def supersede(session: Session, former: int, heir: int, *, now: datetime) -> None:
    """Note that a photo lies nowhere any more because another picture took its place.

    The history of deciding goes to the heir: what is undone from now on, is undone there.
    """
    session.execute(
        update(Photo)
        .where(Photo.id == former)
        .values(superseded_by_id=heir)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(PhotoEvent)
        .where(PhotoEvent.photo_id == former, PhotoEvent.change_id.is_not(None))
        .values(photo_id=heir)
        .execution_options(synchronize_session=False)
    )
    history.add_events(
        session, [former], EventKind.SUPERSEDED, now=now, details={former: {"by": heir}}
    )


def is_in_past_of(session: Session, photo_id: int, later: int) -> bool:
    """Return whether a photo was superseded by another one, perhaps with others in between."""
    for _ in range(_MAX_LINE):
        following = session.scalar(select(Photo.superseded_by_id).where(Photo.id == photo_id))
        if following is None or following == later:
            return following == later
        photo_id = following
    return False


def forget(session: Session, photo_ids: Iterable[int]) -> None:
    """Take photos that are about to be deleted out of the lines of those that replaced them."""
    for photo_id in photo_ids:
        following = session.scalar(select(Photo.superseded_by_id).where(Photo.id == photo_id))
        session.execute(
            update(Photo)
            .where(Photo.superseded_by_id == photo_id)
            .values(superseded_by_id=following)
            .execution_options(synchronize_session=False)
        )
