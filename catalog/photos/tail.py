"""Follows the history of photos from an event on, each event once and in order.

The gallery's live events and webhooks read it. On PostgreSQL events of transactions that run at the
same time become visible out of order: where ids are missing, the tail waits until every transaction
that could still bring them has ended.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from catalog.db.tables import PhotoEvent


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of a photo's history."""

    id: int
    photo_id: int
    #: A value of `catalog.photos.history.EventKind`.
    kind: str
    at: datetime
    detail: dict[str, Any] | None


@dataclass(slots=True)
class Tail:
    """Where a reader of the history is."""

    #: The last event that it has read.
    last: int
    #: By the id before a gap, the first transaction that was not begun when the gap was seen.
    _gaps: dict[int, int] = field(default_factory=dict)

    def read(self, session: Session, *, limit: int = 1000) -> list[Event]:
        """Return the events after the last one that was read."""
        newest = session.scalar(select(func.max(PhotoEvent.id))) or 0
        self.last = min(self.last, newest)  # `kadr prune` may have deleted the newest
        found = _load(session, self.last, limit)
        if session.get_bind().dialect.name == "postgresql":
            found = self._before_gap(session, found)
        if found:
            self.last = found[-1].id
        return found

    def _before_gap(self, session: Session, found: list[Event]) -> list[Event]:
        """Return the events up to the first gap that may still be filled."""
        kept: list[Event] = []
        before = self.last
        for event in found:
            if event.id > before + 1 and not self._is_over(session, before):
                return kept
            kept.append(event)
            before = event.id
        return kept

    def _is_over(self, session: Session, before: int) -> bool:
        row = text(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, "
            "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        )
        oldest, upcoming = session.execute(row).one()
        seen = self._gaps.setdefault(before, upcoming)
        if oldest < seen:
            return False
        del self._gaps[before]
        return True


def _load(session: Session, after: int, limit: int) -> list[Event]:
    query = select(
        PhotoEvent.id, PhotoEvent.photo_id, PhotoEvent.kind, PhotoEvent.at, PhotoEvent.detail
    )
    query = query.where(PhotoEvent.id > after).order_by(PhotoEvent.id).limit(limit)
    return [Event(*row) for row in session.execute(query)]
