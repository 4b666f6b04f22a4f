"""Adds up how long the stages of tagging took; `worker.queue.presence` reports the sums."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from catalog.photos.workers import Stage


class Stages:
    """How often each stage ran, and how many seconds it took in all; any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, Stage] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add what the block takes to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - began
            with self._lock:
                before = self._found.get(name, Stage(0, 0.0))
                self._found[name] = Stage(before.count + 1, before.seconds + took)

    def read(self) -> dict[str, Stage]:
        """Return the sums so far, by stage."""
        with self._lock:
            return dict(self._found)
