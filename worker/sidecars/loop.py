"""Writes sidecars as they become due, inside `kadr watch`: at most so many a second."""

import structlog

from catalog.db.database import Database
from catalog.photos.sidecar_writes import Ending
from worker.sidecars.writer import Options, Writer
from worker.threads import Repeating

_log = structlog.get_logger()

#: Files a second at most: the disk is also the photos'.
PER_SECOND = 50
#: How often leases of dead writers are looked for, in steps of a second.
_SWEEP_EVERY = 10


class SidecarLoop(Repeating):
    """A thread that writes what is due, second by second; a context manager."""

    def __init__(
        self, database: Database, options: Options, root_ids: frozenset[int] | None = None
    ) -> None:
        """Prepare the thread; `root_ids` are the roots that this host watches, None for all."""
        super().__init__("sidecars", 1.0, failure="sidecars_not_written", at_once=True)
        self._writer = Writer(database, options, root_ids)
        self._steps = 0

    def step(self) -> None:
        """Write up to a second's share of what is due."""
        if self._steps % _SWEEP_EVERY == 0:
            self._writer.sweep()
        self._steps += 1
        done = self._writer.write_batch(PER_SECOND)
        if done.total:
            _log.info("sidecars_written", files=done[Ending.WRITTEN], failed=done[Ending.FAILED])
