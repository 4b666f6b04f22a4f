"""Sweeps periodically: expired leases, lost messages, and how many photos have each keyword.

`worker.cli.running` runs one wherever photos are tagged; in a fleet, Celery's beat sends
`kadr.sweep` as well.
"""

import time

from catalog.db.database import Database
from catalog.tags import counts
from worker.queue.doorbell import Doorbell
from worker.threads import Repeating

#: Counting takes seconds for a million photos; query plans and completion can wait for it.
COUNT_EVERY_S = 300.0


class Sweeper(Repeating):
    """A thread that sweeps at once and then every `interval_s`; a context manager.

    Every `COUNT_EVERY_S`, and at the end, it also counts how many photos have each keyword.
    """

    def __init__(self, database: Database, doorbell: Doorbell, interval_s: float) -> None:
        super().__init__("sweeper", interval_s, failure="sweep_failed", at_once=True)
        self._database = database
        self._doorbell = doorbell
        self._count_at = time.monotonic() + COUNT_EVERY_S

    def step(self) -> None:
        """Sweep, and count where that is due."""
        self._doorbell.sweep(self._database)
        if time.monotonic() >= self._count_at:
            self._count_at = time.monotonic() + COUNT_EVERY_S
            self.finish()

    def finish(self) -> None:
        """Count how many photos have each keyword."""
        with self._database.write() as session:
            counts.refresh(session)
