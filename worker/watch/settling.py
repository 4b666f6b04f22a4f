"""Holds back files until they have not changed for a while, since copying takes time.

`worker.watch.events` adds paths from watchdog's threads; `worker.watch.watcher` takes those that
are due.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from worker.watch import scan
from worker.watch.scan import FoundFile


@dataclass(frozen=True, slots=True)
class _Watch:
    since: float
    seen: FoundFile | None


@dataclass(slots=True)
class Settling:
    """Changed paths, each of which is held until it has not changed for `quiet_s`."""

    quiet_s: float
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: dict[Path, _Watch] = field(default_factory=dict)

    def touch(self, path: Path) -> None:
        """Record that a path has changed now. Called from watchdog's threads."""
        watch = _Watch(self.clock(), scan.stat_file(path))
        with self._lock:
            self._waiting[path] = watch

    def take_due(self) -> list[Path]:
        """Pop the paths that had no event for `quiet_s`, and whose size and mtime are the same.

        The files are checked as well, since not every system sends an event for every write.
        """
        now = self.clock()
        with self._lock:
            due = [
                path for path, watch in self._waiting.items() if watch.since + self.quiet_s <= now
            ]
        return [path for path in due if self._is_still(path, now)]

    def __len__(self) -> int:
        """Return how many paths are waiting."""
        with self._lock:
            return len(self._waiting)

    def _is_still(self, path: Path, now: float) -> bool:
        found = scan.stat_file(path)
        with self._lock:
            watch = self._waiting.get(path)
            if watch is None or watch.since + self.quiet_s > now:  # touched meanwhile
                return False
            if self.quiet_s > 0 and watch.seen != found:
                self._waiting[path] = _Watch(now, found)
                return False
            del self._waiting[path]
            return True
