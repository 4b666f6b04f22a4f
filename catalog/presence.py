"""Whether a photo lies anywhere: its files say it, and `Photo.missing_since` notes it for searches.

Called by `ledger`, whenever files come or go.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from catalog import sql
from catalog.models import Photo, PhotoFile


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
