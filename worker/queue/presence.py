"""Reports that a process tags photos, so that the status page and the metrics show it."""

import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from catalog.db.database import Database
from catalog.photos import workers
from catalog.photos.workers import Stage
from worker.threads import Repeating

#: An alert speaks of a worker that was not seen for two minutes.
REPORT_EVERY_S = 30.0


class Presence(Repeating):
    """A thread that reports this process at once and then every 30 s; a context manager.

    At its end the process is forgotten: only one that died is missed.
    """

    def __init__(
        self,
        database: Database,
        read_stages: Callable[[], Mapping[str, Stage]] = dict,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__("presence", REPORT_EVERY_S, failure="worker_not_reported", at_once=True)
        self._database = database
        #: Returns how long the stages of tagging took in this process.
        self._read_stages = read_stages
        self._clock = clock
        self._started_at = clock()
        self.name = f"{socket.gethostname()}:{os.getpid()}"

    def step(self) -> None:
        """Report this process."""
        now, stages = self._clock(), self._read_stages()
        with self._database.write() as session:
            workers.report(session, self.name, started_at=self._started_at, now=now, stages=stages)

    def finish(self) -> None:
        """Forget this process."""
        with self._database.write() as session:
            workers.forget(session, self.name)
