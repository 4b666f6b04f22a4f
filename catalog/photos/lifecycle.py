"""Owns the state of every photo: no other module sets `Photo.state`.

`worker` claims photos under a lease, renews it, and reports each photo as tagged, quarantined or
postponed; `kadr retry` and `kadr retag` make photos pending again. The lease of a worker that died
expires, and the sweep frees it. `attempts` counts claims, and never costs a photo its turn: workers
die by hand and by power cuts, and photos are opened in processes of their own (`worker.decoding`),
which find the one that crashes them.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from catalog import paths
from catalog.db import bulk, sql
from catalog.db.tables import Embedding, Photo, PhotoFile, PhotoState, Root, Tagger
from catalog.photos import history, sidecar_due
from catalog.photos.history import EventKind

#: Minimum time between two messages for one photo, so that a long queue does not grow.
RING_AGAIN_S = 600.0
#: Maximum number of photos that one sweep returns.
SWEEP_LIMIT = 10_000

#: A lease that ended so long ago is seen by no sweep.
_LONG_OVER_S = 60.0

#: Nothing is due so late but by a clock that was set back since.
_LATEST_DUE = timedelta(seconds=2 * RING_AGAIN_S)

#: Delay before the next look at a photo whose file was missing or changing.
RETRY_DELAY_S = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """A file of a photo, with its size and time of change when it was hashed."""

    path: Path
    stat: paths.FileStat


@dataclass(frozen=True, slots=True)
class ClaimedPhoto:
    """A photo that the holder of the claim may tag until the lease ends."""

    photo_id: int
    #: How often it was claimed, this time included.
    attempts: int
    #: Every file of it that is not missing.
    places: tuple[Place, ...]
    #: Of the content of its files.
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch of photos under one lease."""

    token: str
    photos: tuple[ClaimedPhoto, ...]


def is_waiting() -> ColumnElement[bool]:
    """Return the SQL condition that a photo is waiting for its file.

    Such a photo is pending and has a failure: its file was missing or changing at the last attempt.
    """
    return and_(Photo.state == PhotoState.PENDING, Photo.failure.is_not(None))


def claim_photos(
    session: Session, photo_ids: Collection[int], *, limit: int, lease_s: float, now: datetime
) -> Claim:
    """Lease up to `limit` pending photos among `photo_ids`; the claim may be empty.

    Photos that were in hand when a worker died are claimed last and one by one, so that whatever
    killed it keeps nothing else back.
    """
    found = _find_pending(session, photo_ids, limit)
    suspects = [photo_id for photo_id, attempts in found if attempts > 0]
    chosen = [photo_id for photo_id, attempts in found if attempts == 0] or suspects[:1]
    token = secrets.token_hex(16)
    if not chosen:
        return Claim(token, ())
    leased = session.connection().execute(
        update(Photo)
        .where(_is_one_of(session, chosen))
        .values(
            state=PhotoState.LEASED,
            attempts=Photo.attempts + 1,
            lease_token=token,
            due_at=now + timedelta(seconds=lease_s),
        )
        .returning(Photo.id, Photo.attempts, Photo.sha256)
    )
    rows = {photo_id: (attempts, sha256) for photo_id, attempts, sha256 in leased}
    places = _find_places(session, chosen)
    photos = (ClaimedPhoto(each, rows[each][0], places[each], rows[each][1]) for each in chosen)
    return Claim(token, tuple(photos))


def renew_lease(session: Session, token: str, *, lease_s: float, now: datetime) -> int:
    """Extend the lease of photos still held under `token`; return their number."""
    return len(
        session.scalars(
            update(Photo)
            .where(Photo.lease_token == token, Photo.state == PhotoState.LEASED)
            .values(due_at=now + timedelta(seconds=lease_s))
            .returning(Photo.id)
        ).all()
    )


def release_claim(session: Session, token: str, *, now: datetime) -> list[int]:
    """Make leased photos pending again as if never claimed, and return their ids.

    A worker that stops calls this for photos that it has not opened.
    """
    return list(
        session.scalars(
            update(Photo)
            .where(Photo.lease_token == token, Photo.state == PhotoState.LEASED)
            .values(
                state=PhotoState.PENDING,
                attempts=Photo.attempts - 1,
                lease_token=None,
                due_at=now,
            )
            .returning(Photo.id)
        )
    )


def find_leases(session: Session) -> dict[str, datetime]:
    """Return when each lease ends, by its token."""
    query = select(Photo.lease_token, func.max(Photo.due_at)).where(
        Photo.state == PhotoState.LEASED
    )
    rows = session.execute(query.group_by(Photo.lease_token))
    return {token: due_at for token, due_at in rows if token and due_at}


def sweep(
    session: Session,
    *,
    now: datetime,
    limit: int = SWEEP_LIMIT,
    is_queue_empty: bool = False,
    dead: Collection[str] = (),
) -> list[int]:
    """Free expired leases and return pending photos whose message is due.

    The caller sends messages for the returned photos after the commit. An expired lease means that
    a worker died with the rest of its message, so every pending photo becomes due; so does an empty
    queue while no photo is leased. A second message for one photo does no harm: the worker finds it
    claimed or tagged.

    Args:
        session: The caller's transaction.
        now: The time that leases and messages are compared with.
        limit: Maximum number of photos to return.
        is_queue_empty: Whether the broker is known to hold no message.
        dead: Tokens of leases that nobody renews although they end much later: a clock was set.
    """
    freed = session.scalars(
        update(Photo)
        .where(
            Photo.state == PhotoState.LEASED,
            or_(Photo.due_at < now, Photo.lease_token.in_(dead)),
        )
        .values(state=PhotoState.PENDING, lease_token=None)
        .returning(Photo.id)
        .execution_options(synchronize_session=False)
    ).all()
    session.execute(  # by its own, so that both this and the next one read a few rows of an index
        update(Photo)
        .where(Photo.state == PhotoState.PENDING, Photo.due_at > now + _LATEST_DUE)
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )
    if freed or (is_queue_empty and not _is_any_leased(session)):
        make_all_due(session, now=now)
    due = list(
        session.scalars(
            select(Photo.id)
            .where(
                Photo.state == PhotoState.PENDING,
                Photo.due_at <= now,
                Photo.missing_since.is_(None),
            )
            .order_by(Photo.due_at, Photo.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=Photo, key_share=True)
        )
    )
    mark_rung(session, due, now=now)
    return due


def is_stuck(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a photo waits for nothing: no sweep and no worker takes it.

    Its lease has no holder or no end, or ended long ago since no sweep runs; or it is pending
    without a time.
    """
    ended = or_(
        Photo.due_at.is_(None),
        Photo.lease_token.is_(None),
        Photo.due_at < now - timedelta(seconds=_LONG_OVER_S),
    )
    is_waiting_for_ever = and_(Photo.state == PhotoState.PENDING, Photo.due_at.is_(None))
    return or_(and_(Photo.state == PhotoState.LEASED, ended), is_waiting_for_ever)


def free_stuck(session: Session, *, now: datetime) -> None:
    """Make photos that wait for nothing due in the next sweep."""
    session.execute(
        update(Photo)
        .where(is_stuck(now))
        .values(state=PhotoState.PENDING, lease_token=None, due_at=now)
        .execution_options(synchronize_session=False)
    )


def _is_any_leased(session: Session) -> bool:
    leased = select(Photo.id).where(Photo.state == PhotoState.LEASED).limit(1)
    return session.scalars(leased).first() is not None


def mark_rung(session: Session, photo_ids: Iterable[int], *, now: datetime) -> None:
    """Record that a message was sent, so that the sweep does not soon send another."""
    _set_due(session, photo_ids, now + timedelta(seconds=RING_AGAIN_S))


def make_due(session: Session, photo_ids: Iterable[int], *, now: datetime) -> None:
    """Make pending photos due in the next sweep, because their message could not be sent."""
    _set_due(session, photo_ids, now)


def make_all_due(session: Session, *, now: datetime) -> None:
    """Make every pending photo due in the next sweep, because its message may be lost.

    Photos that wait for their file keep their delay.
    """
    session.execute(
        update(Photo)
        .where(Photo.state == PhotoState.PENDING, Photo.due_at > now, ~is_waiting())
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )


def _set_quarantined(session: Session, reasons: Mapping[int, str], now: datetime) -> None:
    rows = [
        {"id": photo_id, "state": PhotoState.QUARANTINED, "failure": reasons[photo_id]}
        | {"lease_token": None, "due_at": None}
        for photo_id in sorted(reasons)
    ]
    if not rows:
        return
    session.execute(update(Photo), rows)
    details = {photo_id: {"reason": reason} for photo_id, reason in reasons.items()}
    history.add_events(session, sorted(reasons), EventKind.QUARANTINED, now=now, details=details)


def _set_due(session: Session, photo_ids: Iterable[int], due_at: datetime) -> None:
    for chunk in sql.chunks(photo_ids):
        session.execute(
            update(Photo)
            .where(_is_one_of(session, chunk), sql.unindexed(Photo.state) == PhotoState.PENDING)
            .values(due_at=due_at)
            .execution_options(synchronize_session=False)
        )


def _find_pending(
    session: Session, photo_ids: Collection[int], limit: int
) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for chunk in sql.chunks(photo_ids):
        query = (
            select(Photo.id, Photo.attempts)
            .where(
                _is_one_of(session, chunk),
                sql.unindexed(Photo.state) == PhotoState.PENDING,
                Photo.missing_since.is_(None),
            )
            .order_by(Photo.attempts, Photo.id)
            .limit(limit - len(found))
            .with_for_update(skip_locked=True, of=Photo, key_share=True)
        )
        found.extend((photo_id, attempts) for photo_id, attempts in sql.fetch(session, query))
        if len(found) >= limit:
            break
    return found


def _find_places(session: Session, photo_ids: Sequence[int]) -> dict[int, tuple[Place, ...]]:
    """Return the files of each photo that are not missing."""
    dialect = session.get_bind().dialect.name
    columns = (PhotoFile.photo_id, Root.path, PhotoFile.path)
    query = (
        select(*columns, PhotoFile.size_bytes, PhotoFile.mtime_ns)
        .join(Root, Root.id == PhotoFile.root_id)
        .where(sql.member(PhotoFile.photo_id, photo_ids, dialect))
        .where(PhotoFile.missing_since.is_(None))
        .order_by(PhotoFile.id)
    )
    found: dict[int, tuple[Place, ...]] = dict.fromkeys(photo_ids, ())
    for photo_id, root, path, size, mtime_ns in sql.fetch(session, query):
        place = Place(paths.join(root, path), paths.FileStat(size, mtime_ns))
        found[photo_id] = (*found[photo_id], place)
    return found


def _is_one_of(session: Session, photo_ids: Sequence[int]) -> ColumnElement[bool]:
    """Return the SQL condition that a photo is one of many, sent as one parameter."""
    return sql.member(Photo.id, photo_ids, session.get_bind().dialect.name)


def _pending_afresh(now: datetime) -> dict[str, Any]:
    """Return the columns of a photo that is pending as if it had never been claimed."""
    return {"state": PhotoState.PENDING, "attempts": 0, "due_at": now, "failure": None}


def retry_returned(session: Session, photo_ids: Sequence[int], *, now: datetime) -> None:
    """Make quarantined photos pending again because their files have come back."""
    for chunk in sql.chunks(photo_ids):
        session.execute(
            update(Photo)
            .where(_is_one_of(session, chunk), sql.unindexed(Photo.state) == PhotoState.QUARANTINED)
            .values(**_pending_afresh(now))
            .execution_options(synchronize_session=False)
        )


def restart(session: Session, photo_ids: Sequence[int], *, now: datetime) -> None:
    """Make photos pending again that are leased or quarantined, because their bytes have changed.

    A worker that holds one has read the old bytes: its result is dropped. Tagged photos stay so.
    """
    begun = (PhotoState.LEASED, PhotoState.QUARANTINED)
    for chunk in sql.chunks(photo_ids):
        session.execute(
            update(Photo)
            .where(_is_one_of(session, chunk), sql.unindexed(Photo.state).in_(begun))
            .values(**_pending_afresh(now), lease_token=None)
            .execution_options(synchronize_session=False)
        )


def mark_like(session: Session, twins: Mapping[int, int], *, now: datetime) -> None:
    """Mark new photos as tagged whose twin, a photo of the same picture, is tagged.

    The caller has copied the keywords and embeddings.
    """
    tagger_ids = {
        photo_id: tagger_id
        for chunk in sql.chunks(twins.values())
        for photo_id, tagger_id in session.execute(
            select(Photo.id, Photo.tagger_id).where(
                _is_one_of(session, chunk), sql.unindexed(Photo.state) == PhotoState.TAGGED
            )
        )
    }
    rows = [
        {"id": twin, "state": PhotoState.TAGGED, "tagger_id": tagger_ids[original]}
        | {"tagged_at": now, "due_at": None}
        for twin, original in sorted(twins.items())
        if original in tagger_ids
    ]
    if rows:
        session.execute(update(Photo), rows)


def retry(session: Session, photo_ids: Sequence[int] | None, *, now: datetime) -> list[int]:
    """Make quarantined photos pending again (all of them for None), and return their ids."""
    condition = Photo.id.in_(photo_ids) if photo_ids is not None else Photo.id.is_not(None)
    retried = list(
        session.scalars(
            update(Photo)
            .where(Photo.state == PhotoState.QUARANTINED, Photo.missing_since.is_(None), condition)
            .values(**_pending_afresh(now))
            .returning(Photo.id)
            .execution_options(synchronize_session=False)
        )
    )
    history.add_events(session, sorted(retried), EventKind.RETRIED, now=now)
    return sorted(retried)


def quarantine(session: Session, token: str, reasons: Mapping[int, str], *, now: datetime) -> int:
    """Quarantine photos that cannot be read; return how many were still leased under `token`."""
    owned = find_owned(session, token, list(reasons))
    _set_quarantined(session, {photo_id: reasons[photo_id] for photo_id in owned}, now)
    return len(owned)


def postpone(session: Session, token: str, reasons: Mapping[int, str], *, now: datetime) -> int:
    """Let photos wait whose files are missing or changing; return how many were still leased.

    The attempt is not counted: photos are not to blame for a disk that is not mounted.
    """
    owned = find_owned(session, token, list(reasons))
    rows = [
        {"id": photo_id, "state": PhotoState.PENDING, "failure": reasons[photo_id]}
        | {"lease_token": None, "due_at": now + timedelta(seconds=RETRY_DELAY_S)}
        for photo_id in sorted(owned)
    ]
    if rows:
        session.execute(update(Photo), rows)
        session.execute(
            update(Photo)
            .where(Photo.id.in_(sorted(owned)))
            .values(attempts=Photo.attempts - 1)
            .execution_options(synchronize_session=False)
        )
    return len(owned)


def mark_tagged(
    session: Session, facts: Mapping[int, Mapping[str, Any]], tagger_id: int, *, now: datetime
) -> None:
    """Mark photos as tagged and end their lease.

    Args:
        session: The caller's transaction, in which `find_owned` locked the photos.
        facts: By photo id, other columns of `Photo` to write in the same statement.
        tagger_id: The tagger that the keywords come from.
        now: The time of the result.
    """
    rows = [
        {"id": photo_id, "state": PhotoState.TAGGED, "tagger_id": tagger_id}
        | {"tagged_at": now, "failure": None, "lease_token": None, "due_at": None}
        | dict(columns)
        for photo_id, columns in facts.items()
    ]
    bulk.update_by(session, Photo, rows)
    history.add_events(session, sorted(facts), EventKind.TAGGED, now=now)
    sidecar_due.mark_due(session, facts, now=now, is_decision=False)


def mark_retagged(
    session: Session, photo_ids: Sequence[int], tagger_id: int, *, now: datetime
) -> None:
    """Record that tagged photos now have the keywords of another tagger."""
    session.execute(
        update(Photo).where(Photo.id.in_(photo_ids)).values(tagger_id=tagger_id, tagged_at=now)
    )
    history.add_events(session, photo_ids, EventKind.RETAGGED, now=now)
    sidecar_due.mark_due(session, photo_ids, now=now, is_decision=False)


def request_encoding(session: Session, model_id: int, *, now: datetime) -> int:
    """Make tagged photos pending that have no vector of a model, and return their number.

    They keep their keywords until they are tagged again.
    """
    encoded = exists().where(Embedding.photo_id == Photo.id, Embedding.model_id == model_id)
    requested = session.scalars(
        update(Photo)
        .where(Photo.state == PhotoState.TAGGED, ~encoded)
        .values(**_pending_afresh(now))
        .returning(Photo.id)
        .execution_options(synchronize_session=False)
    )
    return len(requested.all())


def lacks_vector() -> ColumnElement[bool]:
    """Return the SQL condition that a photo is tagged and its model's vector is lost."""
    encoded = (
        exists()
        .where(Embedding.photo_id == Photo.id, Embedding.model_id == Tagger.model_id)
        .where(Tagger.id == Photo.tagger_id)
        .correlate(Photo)
    )
    return and_(
        Photo.state == PhotoState.TAGGED,
        Photo.tagger_id.is_not(None),
        Photo.missing_since.is_(None),
        ~encoded,
    )


def request_lost_vectors(session: Session, *, now: datetime) -> None:
    """Make photos pending whose vector is lost; they keep their keywords until tagged again."""
    session.execute(
        update(Photo)
        .where(lacks_vector())
        .values(**_pending_afresh(now))
        .execution_options(synchronize_session=False)
    )


def find_owned(session: Session, token: str, photo_ids: Iterable[int]) -> set[int]:
    """Lock the photos that are still leased under `token`, and return their ids."""
    owned: set[int] = set()
    for chunk in sql.chunks(photo_ids):
        query = (
            select(Photo.id)
            .where(
                _is_one_of(session, chunk),
                Photo.lease_token == token,
                sql.unindexed(Photo.state) == PhotoState.LEASED,
            )
            .order_by(Photo.id)
            .with_for_update()
        )
        owned.update(photo_id for (photo_id,) in sql.fetch(session, query))
    return owned
