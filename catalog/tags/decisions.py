"""Owns a person's decisions about keywords: added, removed, confirmed, rejected, undone.

`kadr keyword` calls it. Tagging again never changes a decision. Every change is recorded in the
photos' history with what was there before, so that it can be undone.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.orm import Session, aliased

from catalog import spelling
from catalog.db import bulk, sql
from catalog.db.tables import Decision, Photo, PhotoEvent, PhotoTag, Source, Tag
from catalog.errors import KeywordError, NotFoundError
from catalog.photos import history, sidecar_due
from catalog.photos.history import EventKind
from catalog.tags import store

Action = Literal["add", "remove", "confirm", "reject"]

#: Photos that are read and written at a time: a change may be about a million.
BATCH = 10_000

_NOTHING_TO_UNDO = "there is no decision to undo; `kadr show PHOTO` shows a photo's history"


@dataclass(frozen=True, slots=True)
class Change:
    """The result of a decision."""

    #: The argument for `undo`; empty if nothing changed.
    change_id: str
    action: str
    #: How many keywords on photos changed.
    changed: int
    photos: int
    #: Words that are aliases, with the keyword that each stands for.
    meant: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Row:
    """The columns of a `PhotoTag` that a decision changes; None in its place stands for no row."""

    source: Source
    decision: Decision | None
    confidence: float


def add(
    session: Session,
    photo_ids: Sequence[int],
    words: Sequence[str],
    *,
    now: datetime,
    look_up: store.LookUp = store.nothing_known,
) -> Change:
    """Add keywords to photos; a keyword that is new to the catalogue is created.

    Raises:
        KeywordError: A word is too long.
    """
    return _decide(session, "add", photo_ids, words, now, look_up)


def confirm(
    session: Session, photo_ids: Sequence[int], words: Sequence[str], *, now: datetime
) -> Change:
    """Confirm keywords on the photos that have them.

    Raises:
        NotFoundError: A word is not a keyword of this catalogue.
    """
    return _decide(session, "confirm", photo_ids, words, now)


def reject(
    session: Session,
    photo_ids: Sequence[int],
    words: Sequence[str],
    *,
    now: datetime,
    look_up: store.LookUp = store.nothing_known,
) -> Change:
    """Reject keywords on photos, whether they have them now or not: they never come back.

    Raises:
        KeywordError: A word is too long.
    """
    return _decide(session, "reject", photo_ids, words, now, look_up)


def remove(
    session: Session, photo_ids: Sequence[int], words: Sequence[str], *, now: datetime
) -> Change:
    """Remove keywords from photos.

    A keyword that a person added is deleted. One from a model or a file is rejected instead,
    because the next run would bring it back.

    Raises:
        NotFoundError: A word is not a keyword of this catalogue.
    """
    return _decide(session, "remove", photo_ids, words, now)


def count_by_word(session: Session) -> dict[str, dict[Decision | None, int]]:
    """Return the number of each decision, by word, about keywords that a model proposed.

    Decisions about a superseded photo count once, with its heir.
    """
    superseded = select(Photo.id).where(Photo.superseded_by_id.is_not(None))
    query = (
        select(Tag.name, PhotoTag.decision, func.count())
        .join(Tag, Tag.id == PhotoTag.tag_id)
        .where(PhotoTag.decision.is_not(None), PhotoTag.score.is_not(None))
        .where(PhotoTag.photo_id.not_in(superseded))
        .group_by(Tag.name, PhotoTag.decision)
    )
    counts: dict[str, dict[Decision | None, int]] = {}
    for word, decision, count in session.execute(query):
        counts.setdefault(word, {})[decision] = count
    return counts


def undo(session: Session, *, now: datetime, change_id: str | None = None) -> Change:
    """Undo a change, by default the newest one that was not undone.

    Raises:
        NotFoundError: There is nothing to undo, or no such change.
    """
    found = change_id or _find_newest(session)
    changed = photos = 0
    for events in _standing(session, found):
        rows = {
            (event.photo_id, int(entry["tag"])): _from_json(entry["before"])
            for event in events
            for entry in (event.detail or {})["keywords"]
        }
        _write(session, rows)
        photo_ids = [event.photo_id for event in events]
        details = {photo_id: {"change": found} for photo_id in photo_ids}
        history.add_events(
            session, photo_ids, EventKind.UNDONE, now=now, details=details, change_id=found
        )
        sidecar_due.mark_due(session, photo_ids, now=now)
        changed, photos = changed + len(rows), photos + len(events)
    if not photos:
        raise NotFoundError(_NOTHING_TO_UNDO)
    return Change(found, "undo", changed, photos)


def find_existing(session: Session, photo_ids: Sequence[int]) -> list[int]:
    """Return those of the photos that the catalogue has, in their order."""
    known: set[int] = set()
    for chunk in sql.chunks(photo_ids):
        known.update(session.scalars(select(Photo.id).where(Photo.id.in_(chunk))))
    return [photo_id for photo_id in dict.fromkeys(photo_ids) if photo_id in known]


def count_standing(session: Session, change_id: str) -> int:
    """Return on how many photos a change was not undone."""
    query = select(func.count()).where(PhotoEvent.change_id == change_id, _stands())
    return session.scalar(query) or 0


def drop_machine_tags(session: Session, photo_ids: Iterable[int] | None = None) -> int:
    """Delete keywords that come from models and that nobody decided about; return their number.

    Keywords from people and files stay. `photo_ids` None means all photos.
    """
    machine = delete(PhotoTag).where(PhotoTag.source == Source.CLIP, PhotoTag.decision.is_(None))
    if photo_ids is None:
        return _deleted(session, machine)
    return sum(
        _deleted(session, machine.where(PhotoTag.photo_id.in_(chunk)))
        for chunk in sql.chunks(photo_ids)
    )


def _deleted(session: Session, statement: Any) -> int:  # noqa: ANN401 - a delete, in any form
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def _decide(
    session: Session,
    action: Action,
    photo_ids: Sequence[int],
    words: Sequence[str],
    now: datetime,
    look_up: store.LookUp = store.nothing_known,
) -> Change:
    found = _tag_ids(session, action, words, look_up)
    names = store.find_names(session, found.values())
    change_id = uuid.uuid4().hex
    changed = photos = 0
    for chunk in sql.chunks(photo_ids, BATCH):
        rows, entries = _compare(session, action, chunk, names)
        _write(session, rows)
        details = {
            photo_id: {"change": change_id, "action": action, "keywords": keywords}
            for photo_id, keywords in entries.items()
        }
        history.add_events(
            session, details, EventKind.DECIDED, now=now, details=details, change_id=change_id
        )
        sidecar_due.mark_due(session, details, now=now)
        changed, photos = changed + len(rows), photos + len(entries)
    meant = {word: names[tag_id] for word, tag_id in found.items()}
    others = {w: name for w, name in meant.items() if spelling.fold(w) != spelling.fold(name)}
    return Change(change_id if changed else "", action, changed, photos, others)


def _compare(
    session: Session, action: Action, photo_ids: Sequence[int], names: Mapping[int, str]
) -> tuple[dict[tuple[int, int], _Row | None], dict[int, list[dict[str, Any]]]]:
    """Return the rows that an action changes, by (photo, tag), and by photo what was there before.

    Args:
        session: The caller's transaction.
        action: What a person decided.
        photo_ids: The photos that it is about; one given twice counts once.
        names: The keywords that it is about, by the ids of their tags.
    """
    rows: dict[tuple[int, int], _Row | None] = {}
    entries: dict[int, list[dict[str, Any]]] = {}
    for photo_id, known in sorted(_rows(session, photo_ids, list(names)).items()):
        for tag_id, word in names.items():
            before = known.get(tag_id)
            after = _after(action, before)
            if after != before:
                rows[photo_id, tag_id] = after
                entry = {"tag": tag_id, "word": word, "before": _to_json(before)}
                entries.setdefault(photo_id, []).append(entry)
    return rows, entries


def _after(action: Action, before: _Row | None) -> _Row | None:
    """Return what a row becomes by an action."""
    source = before.source if before is not None else Source.PERSON
    match action:
        case "add":
            return _Row(source, Decision.CONFIRMED, 1.0)
        case "confirm":
            return _Row(source, Decision.CONFIRMED, 1.0) if before is not None else None
        case "remove" if before is None or source == Source.PERSON:
            is_rejected = before is not None and before.decision == Decision.REJECTED
            return before if is_rejected else None
        case _:
            return _Row(source, Decision.REJECTED, 0.0)


def _tag_ids(
    session: Session, action: Action, words: Sequence[str], look_up: store.LookUp
) -> dict[str, int]:
    """Return the tag of each word; `add` and `reject` create those that are new.

    Raises:
        KeywordError: A word is too long.
        NotFoundError: A word to confirm or remove is not a keyword here, or a word is empty.
    """
    too_long = next((word for word in words if len(word) > spelling.MAX_WORD_CHARS), None)
    if too_long is not None:
        raise KeywordError(
            f"'{too_long[:20]}...' has {len(too_long)} characters; a keyword may have at most "
            f"{spelling.MAX_WORD_CHARS}"
        )
    if action in {"add", "reject"}:
        found = store.ensure_tags(session, words, look_up)
    else:
        keys = {word: spelling.fold(word) for word in words}
        known = store.find_tag_ids(session, keys.values())
        found = {word: known[key] for word, key in keys.items() if key in known}
    missing = [word for word in words if word not in found]
    if missing:
        message = f"'{missing[0]}' is not a keyword of this catalogue; `kadr tags` lists them"
        raise NotFoundError(message)
    return found


def _rows(
    session: Session, photo_ids: Sequence[int], tag_ids: Sequence[int]
) -> dict[int, dict[int, _Row]]:
    rows: dict[int, dict[int, _Row]] = {photo_id: {} for photo_id in photo_ids}
    for chunk in sql.chunks(rows):
        query = select(
            PhotoTag.photo_id,
            PhotoTag.tag_id,
            PhotoTag.source,
            PhotoTag.decision,
            PhotoTag.confidence,
        ).where(PhotoTag.photo_id.in_(chunk), PhotoTag.tag_id.in_(tag_ids))
        for photo_id, tag_id, source, decision, confidence in session.execute(query):
            rows[photo_id][tag_id] = _Row(source, decision, confidence)
    return rows


def _write(session: Session, rows: Mapping[tuple[int, int], _Row | None]) -> None:
    """Write or delete rows by (photo, tag); scores that a model wrote meanwhile stay."""
    for tag_id in {tag_id for (_, tag_id), row in rows.items() if row is None}:
        gone = [photo for (photo, tag), row in rows.items() if tag == tag_id and row is None]
        for chunk in sql.chunks(gone):
            is_it = (PhotoTag.tag_id == tag_id) & PhotoTag.photo_id.in_(chunk)
            session.execute(delete(PhotoTag).where(is_it))
    kept = [
        {"photo_id": photo_id, "tag_id": tag_id, "source": row.source}
        | {"decision": row.decision, "confidence": row.confidence}
        for (photo_id, tag_id), row in rows.items()
        if row is not None
    ]
    changing = ("source", "decision", "confidence")
    bulk.upsert(session, PhotoTag, kept, key=("tag_id", "photo_id"), changing=changing)


def _find_newest(session: Session) -> str:
    """Return the newest change that was not undone on every photo.

    Raises:
        NotFoundError: There is none.
    """
    newest = select(PhotoEvent.change_id).where(PhotoEvent.change_id.is_not(None), _stands())
    found = session.scalar(newest.order_by(PhotoEvent.id.desc()).limit(1))
    if found is None:
        raise NotFoundError(_NOTHING_TO_UNDO)
    return found


def _standing(session: Session, change_id: str) -> Iterator[Sequence[Any]]:
    """Yield the events of a change that were not undone, a batch of photos at a time."""
    query = (
        select(PhotoEvent.photo_id, PhotoEvent.detail)
        .where(PhotoEvent.change_id == change_id, _stands())
        .order_by(PhotoEvent.photo_id)
        .limit(BATCH)
    )
    last = 0
    while events := session.execute(query.where(PhotoEvent.photo_id > last)).all():
        yield events
        last = events[-1].photo_id


def _stands() -> ColumnElement[bool]:
    """Return the SQL condition that an event is a decision that was not undone.

    It is a scalar subquery on purpose: PostgreSQL turns EXISTS into a join, which compares every
    pair of events until its statistics know how many there are.
    """
    other = aliased(PhotoEvent)
    undone = select(other.id).where(
        other.change_id == PhotoEvent.change_id,
        other.kind == EventKind.UNDONE,
        other.photo_id == PhotoEvent.photo_id,
    )
    return and_(PhotoEvent.kind == EventKind.DECIDED, undone.limit(1).scalar_subquery().is_(None))


def _to_json(row: _Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    decision = row.decision.value if row.decision is not None else None
    return {"source": row.source.value, "decision": decision, "confidence": row.confidence}


def _from_json(entry: dict[str, Any] | None) -> _Row | None:
    if entry is None:
        return None
    decision = Decision(entry["decision"]) if entry["decision"] is not None else None
    return _Row(Source(entry["source"]), decision, float(entry["confidence"]))
