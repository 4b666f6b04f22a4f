"""Whether a photo lies anywhere: its files say it, and `Photo.missing_since` notes it for searches.

Called by `ledger`, whenever files come or go, and by `plan`, which asks how many are gone.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from catalog import sql
from catalog.models import Photo, PhotoFile

#: Up to so many photos that are gone a statement reads their list once; else it asks of each photo.
FEW_GONE = 1_000


def lock(session: Session, photo_ids: Iterable[int]) -> None:
    """Let one writer at a time say where photos lie; SQLite has only one at any time.

    Of two that look at a photo's files at one moment, neither would see what the other writes.
    """
    for chunk in sql.chunks(sorted(photo_ids)):
        locked = select(Photo.id).where(Photo.id.in_(chunk)).order_by(Photo.id)
        session.execute(locked.with_for_update())


def note_present(session: Session, photo_ids: Iterable[int]) -> None:
    """Note that photos lie somewhere again."""
    for chunk in sql.chunks(photo_ids):
        session.execute(
            update(Photo)
            .where(Photo.id.in_(chunk), Photo.missing_since.is_not(None))
            .values(missing_since=None)
            .execution_options(synchronize_session=False)
        )


def note_missing(session: Session, photo_ids: Iterable[int], now: datetime) -> None:
    """Note that photos lie nowhere any more, those of them that do not."""
    lies = exists().where(PhotoFile.photo_id == Photo.id, PhotoFile.missing_since.is_(None))
    for chunk in sql.chunks(sorted(photo_ids)):
        session.execute(
            update(Photo)
            .where(Photo.id.in_(chunk), Photo.missing_since.is_(None), ~lies)
            .values(missing_since=now)
            .execution_options(synchronize_session=False)
        )


def find_present(session: Session, photo_ids: Iterable[int]) -> set[int]:
    """Return which of some photos lie in at least one place now, by their files."""
    present: set[int] = set()
    for chunk in sql.chunks(photo_ids):
        query = select(PhotoFile.photo_id).where(
            PhotoFile.photo_id.in_(chunk), PhotoFile.missing_since.is_(None)
        )
        present.update(photo_id for photo_id in session.scalars(query) if photo_id is not None)
    return present


def are_few_gone(session: Session) -> bool:
    """Say whether few photos lie nowhere: for plans, never for an answer."""
    some = select(Photo.id).where(Photo.missing_since.is_not(None)).limit(FEW_GONE + 1)
    gone = session.scalar(select(func.count()).select_from(some.subquery())) or 0
    return gone <= FEW_GONE
