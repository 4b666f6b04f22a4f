"""Rings for photos, many ids a message; a ring that is lost costs a delay and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from kombu.exceptions import OperationalError

from catalog.db import sql
from catalog.db.database import Database
from catalog.photos import lifecycle

_log = structlog.get_logger()

#: Sends one message; Celery's `tag_photos.delay`.
Send = Callable[[list[int]], object]


@dataclass(frozen=True, slots=True)
class Doorbell:
    """Where rings go, and how many photos go into one."""

    send: Send
    ring_size: int

    def ring(self, photo_ids: Sequence[int]) -> bool:
        """Ring for photos; False where the broker did not take the messages."""
        try:
            for chunk in sql.chunks(photo_ids, self.ring_size):
                self.send(chunk)
        except OperationalError as error:
            _log.warning("ring_lost", photos=len(photo_ids), reason=str(error), next="swept later")
            return False
        return True

    def sweep(self, database: Database) -> int:
        """Free expired leases and ring for pending photos that are due; returns how many."""
        with database.write() as session:
            due = lifecycle.sweep(session, now=datetime.now(UTC))
        if due and not self.ring(due):
            with database.write() as session:
                lifecycle.make_due(session, due, now=datetime.now(UTC))
            return 0
        return len(due)
