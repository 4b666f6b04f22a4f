"""Rings for photos, many ids a message; a ring that is lost costs a delay and nothing else."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog
from kombu.exceptions import OperationalError

from catalog import leases, sql
from catalog.database import Database

_log = structlog.get_logger()

#: Sends one message; Celery's `tag_photos.delay`.
Send = Callable[[list[int]], object]


def ring(send: Send, photo_ids: Sequence[int], *, ring_size: int) -> bool:
    """Ring for photos; False where the broker did not take the messages."""
    try:
        for chunk in sql.chunks(photo_ids, ring_size):
            send(chunk)
    except OperationalError as error:
        _log.warning("ring_lost", photos=len(photo_ids), reason=str(error), next="swept later")
        return False
    return True


def sweep(database: Database, send: Send, *, ring_size: int) -> int:
    """Free expired leases and ring for pending photos whose ring is due; returns how many."""
    with database.write() as session:
        due = leases.sweep(session, now=datetime.now(UTC))
    if due and not ring(send, due, ring_size=ring_size):
        with database.write() as session:
            leases.make_due(session, due, now=datetime.now(UTC))
        return 0
    return len(due)
