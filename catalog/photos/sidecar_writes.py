"""Owns the writing of sidecars: rows that are leased, written, failed or contested.

`catalog.photos.sidecar_due` marks them where keywords change; `worker.sidecars`
claims them under a lease, writes the files, and records what became of each. A kill at any moment
leaves rows whose lease ends, which the sweep makes due again. What was *read* of sidecars is owned
by `catalog.photos.sidecars`.
"""

import enum
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import PhotoEvent, PhotoFile, Root, Sidecar, SidecarState
from catalog.paths import FileStat
from catalog.photos import history, sidecar_due
from catalog.photos.history import EventKind

#: Claims of one sidecar before it is left alone.
MAX_ATTEMPTS = 3
#: A full or read-only disk is tried again after this time, doubled each time, up to an hour.
RETRY_S = 10.0
MAX_RETRY_S = 3600.0

#: A lease that ended so long ago is seen by no sweep.
_LONG_OVER_S = 60.0
#: Another program took words of ours out so often within a day, or changed the file so often
#: between our writes within an hour: we stop.
MAX_WITHDRAWN_A_DAY = 2
MAX_TURNS_AN_HOUR = 5

_CONTESTED = (
    "another program changes it each time that Kadr has written it; settle there which program "
    "writes keywords, then run `kadr metadata write --force`"
)
_DIED = (
    "the writer died {} times while writing it; look at the file, then run `kadr metadata write`"
)


@dataclass(frozen=True, slots=True)
class Job:
    """A sidecar that the holder of the claim may write until the lease ends."""

    sidecar_id: int
    file_id: int
    photo_id: int
    root_id: int
    root_name: str
    #: Stored paths: of the root, and below it of the photo's file and of the sidecar.
    root: str
    file: str
    path: str
    #: sha256 of the sidecar as the catalogue read it last, and as Kadr wrote it last.
    sha256: bytes | None
    wrote_sha256: bytes | None
    #: What others say in it, as read last; what Kadr added; what another program took out of that.
    words: Mapping[str, Any] | None
    wrote: Mapping[str, Any] | None
    withdrawn: Mapping[str, Any] | None
    is_ours: bool
    #: It was seen on disk, or written; else it is only planned.
    is_known: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Sidecars under one lease."""

    token: str
    jobs: tuple[Job, ...]


class Ending(enum.StrEnum):
    """What became of a job."""

    #: The file was written.
    WRITTEN = "written"
    #: It says already what it should.
    UNCHANGED = "unchanged"
    #: There is nothing to say, and no file.
    NOTHING = "nothing"
    #: The file was deleted, being Kadr's own.
    DELETED = "deleted"
    #: Another file is the photo's sidecar, or is to be: that is due now.
    MOVED = "moved"
    #: It must not or cannot be written.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job, to be recorded."""

    job: Job
    ending: Ending
    #: The sidecar that is due in its place, if it moved.
    path: str | None = None
    #: Size, times and sha256 after the write.
    stat: FileStat | None = None
    sha256: bytes | None = None
    wrote: Mapping[str, Any] | None = None
    is_ours: bool = False
    #: The catalogue had read what the file held before; else it is read after the write.
    was_known: bool = True
    #: Another program had changed the file since our last write.
    is_turn: bool = False
    #: Why it failed.
    failure: str | None = None
    #: It is tried again by itself: a disk may have space again.
    is_retried: bool = False


@dataclass(slots=True)
class Tally:
    """How many sidecars ended how."""

    endings: dict[Ending, int] = field(default_factory=dict)

    @classmethod
    def of(cls, endings: Iterable[Ending]) -> "Tally":
        """Count endings."""
        return cls(dict(Counter(endings)))

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(dict(Counter(self.endings) + Counter(other.endings)))

    def __getitem__(self, ending: Ending) -> int:
        return self.endings.get(ending, 0)

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(self.endings.values())


def claim(
    session: Session,
    *,
    limit: int,
    lease_s: float,
    now: datetime,
    is_forced: bool = False,
    root_ids: Collection[int] | None = None,
    photo_ids: Collection[int] | None = None,
) -> Claim:
    """Lease up to `limit` sidecars that are due, those of one folder together.

    Sidecars that other programs contest are given up, and those whose writer died again and again.

    Args:
        session: The caller's transaction.
        limit: Maximum number of sidecars.
        lease_s: How long the lease runs.
        now: The present time.
        is_forced: Whether contested sidecars are written all the same.
        root_ids: The roots that the caller can write to; None for all.
        photo_ids: Only sidecars of these photos; None for all.
    """
    is_due = [Sidecar.state == SidecarState.DUE, Sidecar.due_at <= now]
    is_due += [] if root_ids is None else [Sidecar.root_id.in_(root_ids)]
    query = (
        select(Sidecar.id, Sidecar.attempts, PhotoFile.photo_id)
        .outerjoin(PhotoFile, PhotoFile.id == Sidecar.file_id)
        .where(*is_due)
        .order_by(Sidecar.due_at, Sidecar.id)
        .limit(limit if photo_ids is None else None)
        .with_for_update(skip_locked=True, of=Sidecar)
    )
    rows = session.execute(query).all()
    if photo_ids is not None:
        wanted = frozenset(photo_ids)
        rows = [row for row in rows if row.photo_id in wanted][:limit]
    photos = {row.photo_id for row in rows if row.photo_id is not None}
    contested = set() if is_forced else _find_contested(session, photos, now)
    _give_up(session, [row.id for row in rows if row.photo_id in contested])
    exhausted = [row.id for row in rows if row.attempts >= MAX_ATTEMPTS]
    _fail_exhausted(session, exhausted)
    left = {row.id for row in rows if row.photo_id not in contested} - set(exhausted)
    return _lease(session, left, lease_s, now)


def claim_written(
    session: Session,
    photo_ids: Collection[int] | None,
    *,
    after: int,
    limit: int,
    lease_s: float,
    now: datetime,
) -> Claim:
    """Lease sidecars that hold something of Kadr's, to take it out: see `kadr metadata withdraw`.

    Args:
        session: The caller's transaction.
        photo_ids: Photos whose sidecars are wanted; None for all.
        after: Only sidecars with a greater id.
        limit: Maximum number of sidecars.
        lease_s: How long the lease runs.
        now: The present time.
    """
    query = (
        select(Sidecar.id, PhotoFile.photo_id)
        .join(PhotoFile, PhotoFile.id == Sidecar.file_id)
        .where(
            Sidecar.id > after,
            or_(Sidecar.wrote.is_not(None), Sidecar.is_ours),
            PhotoFile.missing_since.is_(None),
        )
        .order_by(Sidecar.id)
        .with_for_update(skip_locked=True, of=Sidecar)
    )
    found: list[int] = []
    for sidecar_id, photo_id in session.execute(query):
        if photo_ids is None or photo_id in photo_ids:
            found.append(sidecar_id)
        if len(found) == limit:
            break
    return _lease(session, set(found), lease_s, now)


def _lease(session: Session, left: set[int], lease_s: float, now: datetime) -> Claim:
    token = secrets.token_hex(16)
    session.execute(
        update(Sidecar)
        .where(Sidecar.id.in_(left))
        .values(
            state=SidecarState.LEASED,
            attempts=Sidecar.attempts + 1,
            lease_token=token,
            due_at=now + timedelta(seconds=lease_s),
        )
        .execution_options(synchronize_session=False)
    )
    jobs = load_jobs(session, left)
    _forget(session, left - {job.sidecar_id for job in jobs})
    return Claim(token, tuple(jobs))


def sweep(session: Session, *, now: datetime) -> int:
    """Make sidecars due again whose writer died, or whose disk may work again; return how many."""
    is_over = or_(
        Sidecar.state == SidecarState.LEASED,
        Sidecar.state == SidecarState.FAILED,
    )
    freed = session.scalars(
        update(Sidecar)
        .where(is_over, Sidecar.due_at <= now)
        .values(state=SidecarState.DUE, lease_token=None)
        .returning(Sidecar.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(freed)


def is_stuck(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a sidecar is leased and nobody holds it or will free it."""
    ended = or_(
        Sidecar.due_at.is_(None),
        Sidecar.lease_token.is_(None),
        Sidecar.due_at < now - timedelta(seconds=_LONG_OVER_S),
    )
    return and_(Sidecar.state == SidecarState.LEASED, ended)


def free_stuck(session: Session, *, now: datetime) -> None:
    """Make sidecars due again that nobody holds."""
    session.execute(
        update(Sidecar)
        .where(is_stuck(now))
        .values(state=SidecarState.DUE, lease_token=None, due_at=now)
        .execution_options(synchronize_session=False)
    )


def release(session: Session, token: str, *, now: datetime) -> None:
    """Make leased sidecars due again as if never claimed: the writer stops."""
    session.execute(
        update(Sidecar)
        .where(Sidecar.lease_token == token, Sidecar.state == SidecarState.LEASED)
        .values(state=SidecarState.DUE, attempts=Sidecar.attempts - 1, lease_token=None, due_at=now)
        .execution_options(synchronize_session=False)
    )


def record(session: Session, token: str, outcomes: Sequence[Outcome], *, now: datetime) -> int:
    """Record what became of jobs that are still leased under `token`; return their number."""
    owned = _find_owned(session, token, [each.job.sidecar_id for each in outcomes])
    kept = [each for each in outcomes if each.job.sidecar_id in owned]
    gone = {Ending.NOTHING, Ending.DELETED, Ending.MOVED}
    _forget(session, [each.job.sidecar_id for each in kept if each.ending in gone])
    _delete(session, [each.job.sidecar_id for each in kept if each.ending is Ending.DELETED])
    for each in kept:
        if each.ending is Ending.MOVED and each.path is not None:
            sidecar_due.plan(session, each.job.root_id, each.path, each.job.file_id, due_at=now)
    for columns in _by_columns(_columns(each, owned, now) for each in kept):
        names = [name for name in columns[0] if name != "sidecar_id"]
        statement = update(Sidecar).where(Sidecar.id == bindparam("sidecar_id"))
        session.connection().execute(
            statement.values({name: bindparam(f"new_{name}") for name in names}),
            [
                {"sidecar_id": row["sidecar_id"]} | {f"new_{name}": row[name] for name in names}
                for row in columns
            ],
        )
    written = [each for each in kept if each.ending in {Ending.WRITTEN, Ending.DELETED}]
    details = {
        each.job.photo_id: {"sidecar": each.job.path} | ({"turn": True} if each.is_turn else {})
        for each in written
    }
    history.add_events(
        session, sorted(details), EventKind.METADATA_WRITTEN, now=now, details=details
    )
    return len(kept)


def _columns(outcome: Outcome, attempts: Mapping[int, int], now: datetime) -> dict[str, Any]:
    job = outcome.job
    columns: dict[str, Any] = {"sidecar_id": job.sidecar_id, "lease_token": None}
    match outcome.ending:
        case Ending.WRITTEN:
            columns |= {"state": SidecarState.WRITTEN, "attempts": 0, "due_at": None}
            columns |= {"failure": None, "missing_since": None}
            wrote = None if outcome.wrote is None else dict(outcome.wrote)
            columns |= {"wrote": wrote, "is_ours": outcome.is_ours}
            if (
                outcome.was_known and outcome.stat is not None
            ):  # else it differs from the row, and is read
                columns |= {"sha256": outcome.sha256, "wrote_sha256": outcome.sha256}
                columns |= {"size_bytes": outcome.stat.size_bytes}
                columns |= {"mtime_ns": outcome.stat.mtime_ns}
                columns |= {"ctime_ns": outcome.stat.ctime_ns}
        case Ending.UNCHANGED:
            columns |= {"state": SidecarState.WRITTEN, "attempts": 0, "due_at": None}
            columns |= {"failure": None, "wrote": dict(outcome.wrote or {})}
        case Ending.FAILED:
            tries = attempts[job.sidecar_id]
            wait = min(RETRY_S * 2 ** min(tries, 20), MAX_RETRY_S)
            columns |= {"state": SidecarState.FAILED, "failure": outcome.failure}
            columns |= {"due_at": now + timedelta(seconds=wait) if outcome.is_retried else None}
            columns |= {"attempts": 0 if outcome.is_retried else tries}
        case _:
            pass
    return columns


def note_restored(session: Session, root_name: str, path: str, sha256: bytes) -> None:
    """Note that a sidecar holds again what it held before: no word was taken out elsewhere."""
    root_id = select(Root.id).where(Root.name == root_name).scalar_subquery()
    session.execute(
        update(Sidecar)
        .where(Sidecar.root_id == root_id, Sidecar.path == path)
        .values(wrote_sha256=sha256)
        .execution_options(synchronize_session=False)
    )


def _by_columns(rows: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return rows in lists of the same columns, without those that say nothing."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        if "state" in row:
            found.setdefault(tuple(row), []).append(row)
    return list(found.values())


def _find_contested(session: Session, photo_ids: Iterable[int], now: datetime) -> set[int]:
    turns: dict[int, int] = {}
    withdrawn: dict[int, int] = {}
    for chunk in sql.chunks(photo_ids):
        query = select(PhotoEvent.photo_id, PhotoEvent.kind, PhotoEvent.at, PhotoEvent.detail)
        query = query.where(
            PhotoEvent.photo_id.in_(chunk),
            PhotoEvent.kind.in_([EventKind.METADATA_WRITTEN, EventKind.WITHDRAWN]),
            PhotoEvent.at > now - timedelta(days=1),
        )
        for photo_id, kind, at, detail in session.execute(query):
            if kind == EventKind.WITHDRAWN:
                withdrawn[photo_id] = withdrawn.get(photo_id, 0) + 1
            elif (detail or {}).get("turn") and at > now - timedelta(hours=1):
                turns[photo_id] = turns.get(photo_id, 0) + 1
    return {photo_id for photo_id, n in withdrawn.items() if n >= MAX_WITHDRAWN_A_DAY} | {
        photo_id for photo_id, n in turns.items() if n >= MAX_TURNS_AN_HOUR
    }


def _give_up(session: Session, sidecar_ids: Sequence[int]) -> None:
    session.execute(
        update(Sidecar)
        .where(Sidecar.id.in_(sidecar_ids))
        .values(state=SidecarState.CONTESTED, due_at=None, failure=_CONTESTED)
        .execution_options(synchronize_session=False)
    )


def _fail_exhausted(session: Session, sidecar_ids: Sequence[int]) -> None:
    session.execute(
        update(Sidecar)
        .where(Sidecar.id.in_(sidecar_ids))
        .values(state=SidecarState.FAILED, due_at=None, failure=_DIED.format(MAX_ATTEMPTS))
        .execution_options(synchronize_session=False)
    )


def load_jobs(session: Session, sidecar_ids: Iterable[int]) -> list[Job]:
    """Return sidecars by their ids, in the order of paths; those whose photos are gone are not."""
    found = [job for chunk in sql.chunks(sidecar_ids) for job in _load_jobs(session, chunk)]
    return sorted(found, key=lambda job: (job.root, job.path))


def _load_jobs(session: Session, sidecar_ids: Sequence[int]) -> list[Job]:
    query = (
        select(Sidecar, PhotoFile.path, PhotoFile.photo_id, Root)
        .join(PhotoFile, PhotoFile.id == Sidecar.file_id)
        .join(Root, Root.id == Sidecar.root_id)
        .where(Sidecar.id.in_(sidecar_ids), PhotoFile.missing_since.is_(None))
        .execution_options(populate_existing=True)
    )
    return [
        Job(
            sidecar_id=row.id,
            file_id=row.file_id or 0,
            photo_id=photo_id,
            root_id=root.id,
            root_name=root.name,
            root=root.path,
            file=file,
            path=row.path,
            sha256=None if row.sha256 is None else bytes(row.sha256),
            wrote_sha256=None if row.wrote_sha256 is None else bytes(row.wrote_sha256),
            words=row.words,
            wrote=row.wrote,
            withdrawn=row.withdrawn,
            is_ours=row.is_ours,
            is_known=row.mtime_ns is not None or row.wrote is not None,
        )
        for row, file, photo_id, root in session.execute(query)
        if photo_id is not None
    ]


def _forget(session: Session, sidecar_ids: Iterable[int]) -> None:
    """Delete rows of sidecars that were only planned; the others are as they were seen."""
    for chunk in sql.chunks(sidecar_ids):
        session.execute(delete(Sidecar).where(Sidecar.id.in_(chunk), Sidecar.mtime_ns.is_(None)))
        session.execute(
            update(Sidecar)
            .where(Sidecar.id.in_(chunk))
            .values(state=SidecarState.SEEN, due_at=None, lease_token=None)
            .execution_options(synchronize_session=False)
        )


def _delete(session: Session, sidecar_ids: Sequence[int]) -> None:
    for chunk in sql.chunks(sidecar_ids):
        session.execute(delete(Sidecar).where(Sidecar.id.in_(chunk)))


def _find_owned(session: Session, token: str, sidecar_ids: Iterable[int]) -> dict[int, int]:
    """Lock the sidecars still leased under `token`; return how often each was claimed."""
    owned: dict[int, int] = {}
    for chunk in sql.chunks(sidecar_ids):
        query = (
            select(Sidecar.id, Sidecar.attempts)
            .where(
                Sidecar.id.in_(chunk),
                Sidecar.lease_token == token,
                Sidecar.state == SidecarState.LEASED,
            )
            .order_by(Sidecar.id)
            .with_for_update()
        )
        owned.update(dict(session.execute(query).all()))
    return owned
