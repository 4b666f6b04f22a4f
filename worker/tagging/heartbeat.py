"""Keeps the leases of the batches in hand alive while a slow model works on them."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Self

import structlog

from catalog.db.database import Database
from catalog.errors import DatabaseUnavailableError
from catalog.photos import lifecycle

_log = structlog.get_logger()

#: Renewals in the time of one lease: two may be lost before the photos are.
_RENEWALS = 3


class Heartbeat:
    """A thread that renews leases until it is left; a context manager."""

    def __init__(self, database: Database, lease_s: float, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._lease_s = lease_s
        self._clock = clock
        self._tokens: set[str] = set()
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def keep(self, token: str) -> None:
        """Renew this lease from now on."""
        with self._lock:
            self._tokens.add(token)

    def forget(self, token: str) -> None:
        """Renew this lease no more: its photos are recorded."""
        with self._lock:
            self._tokens.discard(token)

    def _beat(self) -> None:
        while not self._done.wait(self._lease_s / _RENEWALS):
            with self._lock:
                tokens = sorted(self._tokens)
            try:
                for token in tokens:
                    self._renew(token)
            except DatabaseUnavailableError as error:
                _log.warning("lease_not_renewed", reason=str(error))

    def _renew(self, token: str) -> None:
        with self._database.write() as session:
            lifecycle.renew_lease(session, token, lease_s=self._lease_s, now=self._clock())
