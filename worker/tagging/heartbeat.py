"""Renews the leases of the batches in hand while a slow model works on them.

`worker.tagging.pipeline` runs one heartbeat for each call of `tag_photos`.
"""

import threading
from collections.abc import Callable
from datetime import datetime

from catalog.db.database import Database
from catalog.photos import lifecycle
from worker.threads import Repeating

#: Renewals in the time of one lease: two may be lost before the photos are.
_RENEWALS = 3


class Heartbeat(Repeating):
    """A thread that renews the leases it was told to keep; a context manager."""

    def __init__(self, database: Database, lease_s: float, clock: Callable[[], datetime]) -> None:
        super().__init__("heartbeat", lease_s / _RENEWALS, failure="lease_not_renewed")
        self._database = database
        self._lease_s = lease_s
        self._clock = clock
        self._tokens: set[str] = set()
        self._lock = threading.Lock()

    def keep(self, token: str) -> None:
        """Renew a lease from now on."""
        with self._lock:
            self._tokens.add(token)

    def forget(self, token: str) -> None:
        """Stop renewing a lease: its photos are recorded."""
        with self._lock:
            self._tokens.discard(token)

    def step(self) -> None:
        """Renew the leases that are kept now, each in a transaction of its own."""
        with self._lock:
            tokens = sorted(self._tokens)
        for token in tokens:
            with self._database.write() as session:
                lifecycle.renew_lease(session, token, lease_s=self._lease_s, now=self._clock())
