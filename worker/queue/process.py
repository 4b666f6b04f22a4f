"""What one process has open: settings, catalogue, model. Built on first use, never at import.

The Celery tasks find it here; `kadr` puts in what it opened itself, a plain Celery worker builds
its own from KADR_... variables.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import structlog

from catalog.db import database as databases
from catalog.db.database import Database
from catalog.tags import taggers
from worker import settings as all_settings
from worker.reporting import Progress
from worker.settings import Settings

if TYPE_CHECKING:
    from catalog.tags.taggers import TaggerChoice
    from worker.tagging.pipeline import Pipeline

_log = structlog.get_logger()


def _say_to_log(line: str) -> None:
    _log.info("notice", text=line)


@dataclass(slots=True)
class Process:
    """Settings and open catalogue of this process, and its pipeline once it was asked for.

    The catalogue is closed at the end of a `with`.
    """

    settings: Settings
    database: Database
    say: Callable[[str], None] = _say_to_log
    progress: Progress | None = None
    #: Why the last task could not be done, for a command that waits for it.
    trouble: Exception | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _pipeline: "Pipeline | None" = None
    _chosen: "TaggerChoice | None" = None
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get_pipeline(self) -> "Pipeline":
        """Return the pipeline of what the catalogue is tagged with now; loads the model."""
        from worker.tagging import choice  # noqa: PLC0415 - brings torch, which a watcher never loads
        from worker.tagging import tagger as tagger_factory  # noqa: PLC0415 - brings torch, which a watcher never loads
        from worker.tagging.pipeline import Pipeline  # noqa: PLC0415 - brings torch, which a watcher never loads

        with self._lock:
            chosen = self._find_change() or choice.choose(self.database, self.settings, self.say)
            if self._pipeline is None or chosen != self._chosen:
                built = tagger_factory.build(chosen, self.settings, self.progress)
                tagger, self._chosen = tagger_factory.register(self.database, built, chosen)
                options = tagger_factory.pipeline_settings(self.settings)
                self._pipeline = Pipeline(self.database, tagger, options, stopping=self._stopping)
            return self._pipeline

    def report(self, trouble: Exception) -> None:
        """Note why a task could not be done: a full disk, a database that is away."""
        _log.warning("tagging_failed", reason=str(trouble), next="swept later")
        self.trouble = trouble

    def stop(self) -> None:
        """Let the task that runs end after its batch; what it claimed ahead is given back."""
        self._stopping.set()

    def close(self) -> None:
        """Close the catalogue."""
        self.database.close()

    def _find_change(self) -> "TaggerChoice | None":
        """Return what the catalogue is tagged with now, once we began: it may have been changed."""
        if self._pipeline is None:
            return None
        with self.database.read() as session:
            return taggers.find(session)


_process: Process | None = None
_process_lock = threading.Lock()


def get_process() -> Process:
    """Return what this process has open; a Celery worker opens it here, on its first task."""
    global _process  # noqa: PLW0603 - one per process is what it is
    with _process_lock:
        if _process is None:
            _process = open_process(all_settings.load())
        return _process


def set_process(process: Process | None) -> None:
    """Put in what `kadr` opened itself; None to take it out."""
    global _process  # noqa: PLW0603
    with _process_lock:
        _process = process


def open_process(
    settings: Settings,
    *,
    say: Callable[[str], None] = _say_to_log,
    progress: Progress | None = None,
) -> Process:
    """Open the catalogue; on one machine it is upgraded, in a fleet that is `kadr db upgrade`'s."""
    opened = databases.open_database(settings.database_url, upgrade=settings.is_embedded)
    return Process(settings, opened, say, progress)


def stop_process() -> None:
    """Ask the running task to end, if there is one."""
    if _process is not None:
        _process.stop()
