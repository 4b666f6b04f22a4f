"""Sends messages that photos are to be tagged ("rings"), many ids in one message.

The watcher and `kadr tag` ring for new photos, the sweeper for those whose message was lost. A lost
message costs a delay and nothing else, since the rows of the catalogue say what is to be done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from catalog.db import sql
from catalog.db.database import Database
from catalog.photos import lifecycle
from worker import outages
from worker.queue.leases import Leases

_log = structlog.get_logger()

#: Sends one message; Celery's `tag_photos.delay`.
Send = Callable[[list[int]], object]


@dataclass(frozen=True, slots=True)
class Doorbell:
    """What sends messages, how many photos go into one, and whether any message is left."""

    send: Send
    ring_size: int
    #: Sends a message that goes behind all others; None: `send` does.
    send_later: Send | None = None
    #: Returns whether the queue is known to be empty; False where that cannot be known.
    is_queue_empty: Callable[[], bool] = bool
    #: Knows leases that nobody renews.
    leases: Leases = field(default_factory=Leases)

    def ring(self, photo_ids: Sequence[int]) -> bool:
        """Send messages for photos that arrive; return whether the broker took them."""
        return self._ring(self.send, photo_ids)

    def ring_later(self, photo_ids: Sequence[int]) -> bool:
        """Send messages for photos that were there before: those that arrive overtake them."""
        return self._ring(self.send_later or self.send, photo_ids)

    def _ring(self, send: Send, photo_ids: Sequence[int]) -> bool:
        try:
            for chunk in sql.chunks(photo_ids, self.ring_size):
                send(chunk)
        except Exception as error:  # noqa: BLE001 - the client has many errors while it reconnects
            outages.note(outages.BROKER, str(error))
            _log.debug("ring_lost", photos=len(photo_ids), reason=str(error), next="swept later")
            return False
        if photo_ids:
            outages.clear(outages.BROKER)
        return True

    def sweep(self, database: Database) -> int:
        """Release expired leases and ring for pending photos that are due; return their number.

        A queue that is empty while photos are pending and nobody works has lost its messages.
        """
        is_empty = self.is_queue_empty()
        with database.write() as session:
            dead = self.leases.find_dead(lifecycle.find_leases(session))
            now = datetime.now(UTC)
            due = lifecycle.sweep(session, now=now, is_queue_empty=is_empty, dead=dead)
        if due and not self.ring_later(due):
            with database.write() as session:
                lifecycle.make_due(session, due, now=datetime.now(UTC))
            return 0
        return len(due)
