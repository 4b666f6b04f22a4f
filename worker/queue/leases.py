"""Finds the leases of dead workers where clocks cannot tell; `worker.queue.doorbell` asks it."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime


class Leases:
    """Finds leases that nobody renews, whatever the clock says: it may have been set back.

    A living worker renews its lease three times while it lasts. A process that sweeps keeps one of
    these, and looks at the leases by its own clock that nobody sets.
    """

    def __init__(self, lease_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience_s = 2 * lease_s
        self._clock = clock
        #: When each lease ends by its row, and when that was first seen.
        self._seen: dict[str, tuple[datetime, float]] = {}

    def find_dead(self, ends: Mapping[str, datetime]) -> list[str]:
        """Return tokens of leases that were the same for twice the time that a lease lasts."""
        now = self._clock()
        known, self._seen = self._seen, {}
        for token, end in ends.items():
            before = known.get(token)
            is_same = before is not None and before[0] == end
            self._seen[token] = before if before is not None and is_same else (end, now)
        return [token for token, (_, since) in self._seen.items() if now - since > self._patience_s]
