"""Sweeps now and then: expired leases, lost messages, how many photos have each keyword."""

import threading
import time
from collections.abc import Callable
from typing import Self

import structlog

from catalog.db.database import Database
from catalog.errors import DatabaseUnavailableError
from catalog.tags import counts
from worker.queue.doorbell import Doorbell

_log = structlog.get_logger()

#: Counting a million photos' keywords takes seconds: plans and completion can wait for it.
COUNT_EVERY_S = 300.0


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
