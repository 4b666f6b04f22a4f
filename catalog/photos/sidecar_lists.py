"""Lists sidecars for people: how many wait, which failed, which have lost their photo."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import PhotoFile, Root, Sidecar, SidecarState
from catalog.photos import sidecar_writes, sidecars
from catalog.photos.sidecar_writes import Job


def count_due(session: Session) -> int:
    """Return how many sidecars are due or being written."""
    is_open = Sidecar.state.in_([SidecarState.DUE, SidecarState.LEASED])
    return session.scalar(select(func.count(Sidecar.id)).where(is_open)) or 0


@dataclass(frozen=True, slots=True)
class Problem:
    """A sidecar that could not be written."""

    root: str
    path: str
    state: SidecarState
    failure: str


def find_problems(
    session: Session, *, limit: int | None = None, photo_ids: Collection[int] | None = None
) -> list[Problem]:
    """Return sidecars that failed or are contested, with the reason, by path.

    Args:
        session: The caller's transaction.
        limit: Maximum number of sidecars.
        photo_ids: Only sidecars of these photos; None for all.
    """
    query = (
        select(Root.path, Sidecar.path, Sidecar.state, Sidecar.failure, PhotoFile.photo_id)
        .join(Root, Root.id == Sidecar.root_id)
        .outerjoin(PhotoFile, PhotoFile.id == Sidecar.file_id)
        .where(Sidecar.state.in_([SidecarState.FAILED, SidecarState.CONTESTED]))
        .order_by(Root.path, Sidecar.path)
        .limit(limit if photo_ids is None else None)
    )
    wanted = None if photo_ids is None else frozenset(photo_ids)
    rows = (row for row in session.execute(query) if wanted is None or row.photo_id in wanted)
    return [Problem(*row[:3], row[3] or "") for row in islice(rows, limit)]


@dataclass(frozen=True, slots=True)
class Orphan:
    """A sidecar that Kadr made and whose photo is not beside it any more."""

    sidecar_id: int
    root: str
    path: str
    wrote_sha256: bytes


def find_orphans(session: Session) -> list[Orphan]:
    """Return the sidecars that Kadr made and whose photos are gone, by path."""
    query = (
        select(Sidecar.id, Root.path, Sidecar.path, Sidecar.wrote_sha256)
        .join(Root, Root.id == Sidecar.root_id)
        .outerjoin(PhotoFile, PhotoFile.id == Sidecar.file_id)
        .where(
            Sidecar.is_ours,
            Sidecar.wrote_sha256.is_not(None),
            Sidecar.missing_since.is_(None),
            or_(PhotoFile.id.is_(None), PhotoFile.missing_since.is_not(None)),
        )
        .order_by(Root.path, Sidecar.path)
    )
    return [Orphan(*row[:3], bytes(row[3] or b"")) for row in session.execute(query)]


def forget_orphans(session: Session, sidecar_ids: Sequence[int]) -> None:
    """Delete the rows of sidecars whose files were deleted."""
    for chunk in sql.chunks(sidecar_ids):
        session.execute(delete(Sidecar).where(Sidecar.id.in_(chunk)))


def find_jobs(session: Session, photo_ids: Collection[int]) -> list[Job]:
    """Return the sidecars of photos, known or planned, without leasing them."""
    ids: list[int] = []
    for chunk in sql.chunks(photo_ids):
        query = select(Sidecar.id).join(PhotoFile, PhotoFile.id == Sidecar.file_id)
        query = query.where(PhotoFile.photo_id.in_(chunk), sidecars.is_xmp())
        ids += session.scalars(query)
    return sidecar_writes.load_jobs(session, ids)
