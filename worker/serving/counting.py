"""Counts the photos of each keyword anew while `kadr serve` shows them, sorted by these counts.

Without a gallery it is enough that `worker.queue.sweeper` counts them now and then.
"""

import time
from collections.abc import Callable

from catalog.db.database import Database
from catalog.photos import history
from catalog.tags import counts
from worker.threads import Repeating

#: How often events are looked for that may have changed the counts.
LOOK_EVERY_S = 15.0
#: Counting is followed by a pause of so many times as long: at most 2 % of a processor.
_PAUSE = 50.0


class Counter(Repeating):
    """A thread that keeps the counts of keywords up to date; a context manager."""

    def __init__(
        self,
        database: Database,
        interval_s: float = LOOK_EVERY_S,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("counter", interval_s, failure="keywords_not_counted")
        self._database = database
        self._clock = clock
        #: The newest event whose changes are counted.
        self._counted: int | None = None
        self._pause_until = clock()

    def step(self) -> None:
        """Count if anything happened since; the catalogue is locked only to write the numbers."""
        began = self._clock()
        if began < self._pause_until:
            return
        with self._database.read() as session:
            newest = history.last_event_id(session)
            if newest == self._counted:
                return
            outdated = counts.find_outdated(session)
        if outdated:
            with self._database.write() as session:
                counts.record(session, outdated)
        self._counted = newest
        now = self._clock()
        self._pause_until = now + _PAUSE * (now - began)
