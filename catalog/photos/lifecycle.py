"""What state a photo is in and who works on it: claims under a lease, renewals, and the sweep.

A worker that dies leaves a lease behind; it runs out, and the photo is pending again. `attempts` is
raised before a photo is opened, so a photo that kills its worker is found and quarantined.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from catalog import paths
from catalog.db import sql
from catalog.db.tables import Embedding, Photo, PhotoFile, PhotoState, Root
from catalog.photos import history

#: Claims of one photo before it is quarantined.
MAX_ATTEMPTS = 3
#: A photo that was rung for is not rung for again before this: a long queue stays as long as it is.
RING_AGAIN_S = 600.0
#: Photos that one sweep rings for at most.
SWEEP_LIMIT = 10_000

#: A photo whose file was away or changing is looked at again after this.
RETRY_DELAY_S = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a photo lies, and what its file looked like when it was hashed."""

    path: Path
    stat: paths.FileStat


@dataclass(frozen=True, slots=True)
class ClaimedPhoto:
    """A photo that is ours to tag until the lease ends."""

    photo_id: int
    #: How often it was claimed, this time included.
    attempts: int
    #: Every place where it lies now.
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch of photos under one lease."""

    token: str
    photos: tuple[ClaimedPhoto, ...]


def claim_photos(
    session: Session, photo_ids: Collection[int], *, limit: int, lease_s: float, now: datetime
) -> Claim:
    """Lease up to `limit` pending photos among `photo_ids`; the claim may be empty.

    A photo that was claimed before is claimed alone: if it brings the worker down, it is the one.
    One that was claimed `MAX_ATTEMPTS` times without a result is quarantined instead.
    """
    found = _find_pending(session, photo_ids, limit)
    exhausted = [photo_id for photo_id, attempts in found if attempts >= MAX_ATTEMPTS]
    quarantine_exhausted(session, exhausted, now=now)
    suspects = [photo_id for photo_id, attempts in found if 0 < attempts < MAX_ATTEMPTS]
    chosen = [photo_id for photo_id, attempts in found if attempts == 0] or suspects[:1]
    token = secrets.token_hex(16)
    session.execute(
        update(Photo)
        .where(Photo.id.in_(chosen))
        .values(
            state=PhotoState.LEASED,
            attempts=Photo.attempts + 1,
            lease_token=token,
            due_at=now + timedelta(seconds=lease_s),
        )
        .execution_options(synchronize_session=False)
    )
    return Claim(token, tuple(_load(session, chosen)))


def renew_lease(session: Session, token: str, *, lease_s: float, now: datetime) -> int:
    """Keep what is still leased under `token` for another `lease_s`; returns how many photos."""
    return len(
        session.scalars(
            update(Photo)
            .where(Photo.lease_token == token, Photo.state == PhotoState.LEASED)
            .values(due_at=now + timedelta(seconds=lease_s))
            .returning(Photo.id)
        ).all()
    )


def release_claim(session: Session, token: str, *, now: datetime) -> list[int]:
    """Give unopened photos back, as if never claimed (a worker that stops); returns their ids."""
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


def sweep(session: Session, *, now: datetime, limit: int = SWEEP_LIMIT) -> list[int]:
    """Free expired leases and return pending photos whose ring is due: lost messages, dead workers.

    The caller rings for what is returned, after the commit. A lease that ran out means that a
    worker died, and with it the rest of its message: then every pending photo is rung for again.
    Workers that meet a photo twice find it claimed or done.
    """
    freed = session.scalars(
        update(Photo)
        .where(Photo.state == PhotoState.LEASED, Photo.due_at < now)
        .values(state=PhotoState.PENDING, lease_token=None)
        .returning(Photo.id)
        .execution_options(synchronize_session=False)
    ).all()
    if freed:
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


def mark_rung(session: Session, photo_ids: Iterable[int], *, now: datetime) -> None:
    """Note that a message is under way, so that the sweep does not send another one soon."""
    _set_due(session, photo_ids, now + timedelta(seconds=RING_AGAIN_S))


def make_due(session: Session, photo_ids: Iterable[int], *, now: datetime) -> None:
    """Let the next sweep ring for pending photos: the message was not taken."""
    _set_due(session, photo_ids, now)


def make_all_due(session: Session, *, now: datetime) -> None:
    """Let the next sweep ring for every pending photo: the messages went with their process.

    Photos whose file was away keep their pause.
    """
    session.execute(
        update(Photo)
        .where(Photo.state == PhotoState.PENDING, Photo.due_at > now, Photo.failure.is_(None))
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )


def quarantine_exhausted(session: Session, photo_ids: Sequence[int], *, now: datetime) -> None:
    """Quarantine photos that were claimed `MAX_ATTEMPTS` times; the last failure is the reason."""
    for photo in session.scalars(select(Photo).where(Photo.id.in_(photo_ids))):
        photo.state = PhotoState.QUARANTINED
        photo.failure = photo.failure or (
            f"the worker died {photo.attempts} times while reading it; "
            "open it in another program, then run `kadr retry`"
        )
        photo.due_at = photo.lease_token = None
        reason = {photo.id: {"reason": photo.failure}}
        history.add_events(session, [photo.id], "quarantined", now=now, details=reason)
    session.flush()


def _set_due(session: Session, photo_ids: Iterable[int], due_at: datetime) -> None:
    for chunk in sql.chunks(photo_ids):
        session.execute(
            update(Photo)
            .where(Photo.id.in_(chunk), Photo.state == PhotoState.PENDING)
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
                Photo.id.in_(chunk),
                Photo.state == PhotoState.PENDING,
                Photo.missing_since.is_(None),
            )
            .order_by(Photo.attempts, Photo.id)
            .limit(limit - len(found))
            .with_for_update(skip_locked=True, of=Photo, key_share=True)
        )
        found.extend((photo_id, attempts) for photo_id, attempts in session.execute(query))
        if len(found) >= limit:
            break
    return found


def _load(session: Session, photo_ids: Sequence[int]) -> list[ClaimedPhoto]:
    places: dict[int, list[Place]] = {photo_id: [] for photo_id in photo_ids}
    query = (
        select(PhotoFile, Root.path)
        .join(Root, Root.id == PhotoFile.root_id)
        .where(PhotoFile.photo_id.in_(photo_ids), PhotoFile.missing_since.is_(None))
        .order_by(PhotoFile.id)
    )
    for file, root in session.execute(query):
        stat = paths.FileStat(file.size_bytes, file.mtime_ns)
        path = paths.from_text(root) / paths.from_text(file.path)
        if file.photo_id is not None:
            places[file.photo_id].append(Place(path, stat))
    attempts = dict(
        session.execute(select(Photo.id, Photo.attempts).where(Photo.id.in_(photo_ids))).all()
    )
    return [
        ClaimedPhoto(photo_id, attempts[photo_id], tuple(found))
        for photo_id, found in places.items()
    ]


def try_again(session: Session, photo_ids: Sequence[int], now: datetime) -> None:
    """Give photos that were put aside another chance, now that their files are back."""
    for chunk in sql.chunks(photo_ids):
        session.execute(
            update(Photo)
            .where(Photo.id.in_(chunk), Photo.state == PhotoState.QUARANTINED)
            .values(state=PhotoState.PENDING, attempts=0, due_at=now, failure=None)
            .execution_options(synchronize_session=False)
        )


def retry(session: Session, photo_ids: Sequence[int] | None, *, now: datetime) -> list[int]:
    """Make quarantined photos pending again, all of them for None; returns which."""
    condition = Photo.id.in_(photo_ids) if photo_ids is not None else Photo.id.is_not(None)
    retried = list(
        session.scalars(
            update(Photo)
            .where(Photo.state == PhotoState.QUARANTINED, Photo.missing_since.is_(None), condition)
            .values(state=PhotoState.PENDING, attempts=0, due_at=now, failure=None)
            .returning(Photo.id)
            .execution_options(synchronize_session=False)
        )
    )
    history.add_events(session, sorted(retried), "retried", now=now)
    return sorted(retried)


def quarantine(session: Session, token: str, reasons: Mapping[int, str], *, now: datetime) -> int:
    """Put photos aside that cannot be read, each with its reason; returns how many were ours."""
    owned = find_owned(session, token, list(reasons))
    for photo_id in sorted(owned):
        session.execute(
            update(Photo)
            .where(Photo.id == photo_id)
            .values(
                state=PhotoState.QUARANTINED,
                failure=reasons[photo_id],
                lease_token=None,
                due_at=None,
            )
        )
    details = {photo_id: {"reason": reasons[photo_id]} for photo_id in owned}
    history.add_events(session, sorted(owned), "quarantined", now=now, details=details)
    return len(owned)


def postpone(session: Session, token: str, reasons: Mapping[int, str], *, now: datetime) -> int:
    """Give photos back whose files are away or changing; the sweep rings for them later.

    No attempt is counted: a disk that is not mounted is no fault of its photos.
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


def mark_retagged(
    session: Session, photo_ids: Sequence[int], tagger_id: int, *, now: datetime
) -> None:
    """Note that tagged photos have the keywords of another tagger now."""
    session.execute(
        update(Photo).where(Photo.id.in_(photo_ids)).values(tagger_id=tagger_id, tagged_at=now)
    )
    history.add_events(session, photo_ids, "retagged", now=now)


def request_encoding(session: Session, model_id: int, *, now: datetime) -> int:
    """Make tagged photos pending that a model has not seen; their old keywords stay until then.

    Returns how many.
    """
    encoded = exists().where(Embedding.photo_id == Photo.id, Embedding.model_id == model_id)
    requested = session.scalars(
        update(Photo)
        .where(Photo.state == PhotoState.TAGGED, ~encoded)
        .values(state=PhotoState.PENDING, attempts=0, due_at=now, failure=None)
        .returning(Photo.id)
        .execution_options(synchronize_session=False)
    )
    return len(requested.all())


def find_owned(session: Session, token: str, photo_ids: Iterable[int]) -> set[int]:
    """Lock and return those of the photos that are still leased under `token`."""
    owned: set[int] = set()
    for chunk in sql.chunks(photo_ids):
        query = (
            select(Photo.id)
            .where(
                Photo.id.in_(chunk),
                Photo.lease_token == token,
                Photo.state == PhotoState.LEASED,
            )
            .order_by(Photo.id)
            .with_for_update()
        )
        owned.update(session.scalars(query))
    return owned
