"""Counts what is known of photos' metadata and of sidecars; `kadr metadata status` shows it."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from catalog.db.tables import PhotoFile, Sidecar, SidecarState
from catalog.photos import sidecars


@dataclass(frozen=True, slots=True)
class MetadataStatus:
    """How many photos and sidecars are in which state."""

    #: Photos with a present file: those whose metadata was read, and those of which it was not.
    read: int
    unread: int
    #: Sidecars of a photo whose words are known: they were read, or Kadr wrote them.
    sidecars: int
    #: Those that were read and belong to no photo for certain.
    unclaimed: int
    #: Those that were refused, or that cannot be opened.
    refused: int
    #: Photos with a word of Kadr's that another program took out.
    withdrawn: int
    #: Sidecars to be written, written, left alone, and failed.
    due: int
    written: int
    contested: int
    failed: int
    #: Why sidecars were refused, have no photo, or could not be written.
    reasons: tuple[str, ...]
    #: How many more reasons there are.
    more_reasons: int


def count(session: Session, *, limit: int) -> MetadataStatus:
    """Return the numbers, and up to `limit` reasons."""
    there = PhotoFile.missing_since.is_(None)
    photos = _count_photos(session, there)
    read = _count_photos(session, there, PhotoFile.words.is_not(None))
    is_read, has_photo = Sidecar.words.is_not(None), Sidecar.file_id.is_not(None)
    has_failed, is_written = Sidecar.failure.is_not(None), Sidecar.wrote_sha256.is_not(None)
    # What Kadr writes is not read again: its row has no words, and may be one that failed since.
    is_own = and_(is_written, Sidecar.state.in_([SidecarState.FAILED, SidecarState.CONTESTED]))
    query = select(Sidecar.failure).where(has_failed, Sidecar.missing_since.is_(None))
    reasons = session.scalars(query.order_by(Sidecar.root_id, Sidecar.path).limit(limit)).all()
    on_disk = Sidecar.mtime_ns.is_not(None)
    due = Sidecar.state.in_([SidecarState.DUE, SidecarState.LEASED])
    return MetadataStatus(
        read=read,
        unread=photos - read,
        sidecars=_count_sidecars(session, or_(is_read, is_written & ~has_failed), has_photo),
        unclaimed=_count_sidecars(session, is_read, ~has_photo),
        refused=_count_sidecars(session, ~is_read, has_failed, on_disk, ~is_own),
        withdrawn=_count_photos(session, there, sidecars.is_withdrawn(PhotoFile.photo_id)),
        due=_count_sidecars(session, due),
        written=_count_sidecars(session, has_photo, Sidecar.state == SidecarState.WRITTEN),
        contested=_count_sidecars(session, Sidecar.state == SidecarState.CONTESTED),
        failed=_count_sidecars(session, Sidecar.state == SidecarState.FAILED),
        reasons=tuple(reason for reason in reasons if reason is not None),
        more_reasons=_count_sidecars(session, has_failed) - len(reasons),
    )


def _count_photos(session: Session, *conditions: ColumnElement[bool]) -> int:
    photos = select(func.count(PhotoFile.photo_id.distinct()))
    return session.scalar(photos.where(*conditions)) or 0


def _count_sidecars(session: Session, *conditions: ColumnElement[bool]) -> int:
    there = select(func.count(Sidecar.id)).where(Sidecar.missing_since.is_(None))
    return session.scalar(there.where(*conditions)) or 0
