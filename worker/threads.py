"""A thread that repeats a step: base of the heartbeat, the sweeper and the follower."""

import abc
import threading
from collections.abc import Callable
from typing import Self

import structlog

from catalog.errors import DatabaseUnavailableError
from worker import outages

_log = structlog.get_logger()


class Repeating(abc.ABC):
    """A daemon thread that calls `step` every `interval_s`; a context manager.

    Leaving it waits for the step in progress. A step that cannot reach the database is noted as an
    outage, one that fails otherwise is logged, and the next one tries again: a sweep or a heartbeat
    that ended with its first error would be missed by every photo.
    """

    def __init__(
        self, name: str, interval_s: float, *, failure: str, at_once: bool = False
    ) -> None:
        """Prepare the thread.

        Args:
            name: Name of the thread.
            interval_s: Seconds between two steps.
            failure: Event that is logged for debugging where the database cannot be reached.
            at_once: Whether the first step does not wait for the interval.
        """
        self._interval_s = interval_s
        self._failure = failure
        self._at_once = at_once
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    @abc.abstractmethod
    def step(self) -> None:
        """Do what is repeated."""

    def finish(self) -> None:  # noqa: B027 - most threads leave nothing to do
        """Do what is left when the thread ends: nothing, unless a subclass says otherwise."""

    def _run(self) -> None:
        if self._at_once:
            self._attempt(self.step)
        while not self._done.wait(self._interval_s):
            self._attempt(self.step)
        self._attempt(self.finish)

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except DatabaseUnavailableError as error:
            outages.note(outages.DATABASE, str(error), who=self._thread.name)
            _log.debug(self._failure, reason=str(error))
        except Exception:  # noqa: BLE001 - what no step expects
            _log.exception(self._failure, next="tried again")
        else:
            outages.clear(outages.DATABASE, who=self._thread.name)
