"""Rings for photos, many ids a message; a ring that is lost costs a delay and nothing else."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import structlog
from kombu.exceptions import OperationalError

from catalog import counts
from catalog.db import sql
from catalog.db.database import Database
from catalog.errors import DatabaseUnavailableError
from catalog.photos import lifecycle

_log = structlog.get_logger()

#: Counting a million photos' keywords takes seconds: plans and completion can wait for it.
COUNT_EVERY_S = 300.0
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


class Sweeper:
    """A thread that sweeps at once and then every `interval_s`; a context manager.

    Now and then, and at the end, it also counts how many photos have each keyword.
    """

    def __init__(self, database: Database, doorbell: Doorbell, interval_s: float) -> None:
        self._database = database
        self._doorbell = doorbell
        self._interval_s = interval_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        count_at = time.monotonic() + COUNT_EVERY_S
        while not self._done.is_set():
            self._try(lambda: self._doorbell.sweep(self._database))
            if time.monotonic() >= count_at:
                self._try(self._count)
                count_at = time.monotonic() + COUNT_EVERY_S
            self._done.wait(self._interval_s)
        self._try(self._count)

    def _count(self) -> None:
        with self._database.write() as session:
            counts.refresh(session)

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except DatabaseUnavailableError as error:
            _log.warning("sweep_failed", reason=str(error))
