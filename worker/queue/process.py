"""What one process has open: settings, catalogue, pipeline. Built on first use, never at import.

The Celery tasks find it here. `kadr` puts in the one that it opened itself; a plain Celery worker
opens its own from the KADR_... variables.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import structlog

from catalog import importing
from catalog.db import database as databases
from catalog.db.database import Database
from catalog.errors import DatabaseUnavailableError
from catalog.tags import taggers
from worker import outages
from worker import settings as all_settings
from worker.queue.leases import Leases
from worker.reporting import Progress
from worker.settings import Settings

if TYPE_CHECKING:
    from catalog.photos.workers import Stage
    from catalog.tags.store import Lexicon
    from catalog.tags.taggers import TaggerChoice
    from worker.decoding.pool import Decoders
    from worker.tagging.pipeline import Pipeline
    from worker.tagging.stages import Stages
    from worker.thumbs.store import ThumbStore

_log = structlog.get_logger()


def _say_to_log(line: str) -> None:
    _log.info("notice", text=line)


@dataclass(slots=True)
class Process:
    """Settings and open catalogue of this process, and its pipeline once that has been used.

    The catalogue is closed at the end of a `with`.
    """

    settings: Settings
    database: Database
    say: Callable[[str], None] = _say_to_log
    progress: Progress | None = None
    #: The error of the last failed task, for a command that waits for it.
    trouble: Exception | None = None
    #: What the sweeps of this process have seen of leases.
    leases: Leases = field(init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _pipeline: "Pipeline | None" = None
    _decoders: "Decoders | None" = None
    _stages: "Stages | None" = None
    _pictures: "ThumbStore | None" = None
    #: What else is to be closed.
    _opened: ExitStack = field(default_factory=ExitStack)
    _chosen: "TaggerChoice | None" = None
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.leases = Leases(self.settings.lease_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get_pipeline(self) -> "Pipeline":
        """Return the pipeline of the catalogue's present choice; load the model if it changed."""
        # Here: they bring torch, which a watcher never loads.
        with importing.uncollected():
            from worker.tagging import choice, tagger  # noqa: PLC0415
            from worker.tagging.pipeline import Pipeline, PipelineSettings  # noqa: PLC0415
            from worker.tagging.stages import Stages  # noqa: PLC0415

        with self._lock:
            self.get_decoders().warm_up()
            chosen = self._find_change() or choice.choose(self.database, self.settings, self.say)
            if self._pipeline is None or chosen != self._chosen:
                loaded = tagger.load(chosen, self.settings, self.progress)
                tagger_id = tagger.register(self.database, loaded, chosen)
                self._chosen = replace(chosen, model_digest=loaded.spec.model_digest)
                self._stages = self._stages or Stages()
                options = PipelineSettings.of(self.settings)
                self._pipeline = Pipeline(
                    self.database,
                    loaded,
                    tagger_id,
                    options,
                    self.get_decoders(),
                    pictures=self.get_pictures(),
                    stages=self._stages,
                    stopping=self._stopping,
                )
            return self._pipeline

    def look_up(self, keys: Collection[str]) -> "Lexicon":
        """Return what the vocabulary of the catalogue, or another one, knows of folded words."""
        from worker.vocabulary import lexicon  # noqa: PLC0415 - for words new to the catalogue alone

        with self.database.read() as session:
            chosen = taggers.find(session)
        return lexicon.look_up(chosen, keys)

    def read_metadata(self) -> int:
        """Read the metadata of photos whose files' metadata is not known; return their number."""
        from worker.tagging import rereading  # noqa: PLC0415 - brings decoders

        return rereading.read_unread(self.database, self.get_decoders(), self.look_up)

    def get_decoders(self) -> "Decoders":
        """Return the processes that open photos for this one; the first call makes them."""
        from worker.decoding.guards import Guards  # noqa: PLC0415 - brings decoders, which a watcher never loads
        from worker.decoding.pool import Decoders  # noqa: PLC0415 - brings decoders, which a watcher never loads

        with self._lock:
            if self._decoders is None:
                self._decoders = Decoders(Guards.of(self.settings))
            return self._decoders

    def get_pictures(self) -> "ThumbStore | None":
        """Return where small pictures are kept while photos are tagged; None if nowhere."""
        from worker.thumbs.store import ThumbStore  # noqa: PLC0415 - only where photos are tagged

        settings = self.settings
        with self._lock:
            if self._pictures is None and settings.makes_thumbs:
                max_bytes = int(settings.thumbs_gb * 1e9)
                self._pictures = ThumbStore(settings.cache_dir / "thumbs", max_bytes)
                self._opened.enter_context(self._pictures.making_room(at_once=True))
            return self._pictures

    def read_stages(self) -> Mapping[str, "Stage"]:
        """Return how long the stages of tagging took in this process."""
        return {} if self._stages is None else self._stages.read()

    def report(self, trouble: Exception) -> None:
        """Log and keep the error of a failed task: a full disk, a database that is away."""
        _log.warning("tagging_failed", reason=str(trouble), next="swept later")
        self.trouble = trouble

    def stop(self) -> None:
        """End the running task after its batch; photos that are not open by then are released."""
        self._stopping.set()
        if self._decoders is not None:
            self._decoders.close()

    def give_back(self) -> None:
        """Release what is claimed and not recorded, without waiting for the running task."""
        if self._pipeline is not None:
            self._pipeline.give_back()

    def close(self) -> None:
        """Close the catalogue, and the processes that open photos."""
        if self._decoders is not None:
            self._decoders.close()
        self._opened.close()
        self.database.close()

    def _find_change(self) -> "TaggerChoice | None":
        """Return the catalogue's choice, which may have changed since our pipeline was loaded."""
        if self._pipeline is None:
            return None
        with self.database.read() as session:
            return taggers.find(session)


_process: Process | None = None
_process_lock = threading.Lock()


def get_process() -> Process:
    """Return what this process has open; a Celery worker opens it here, for its first task."""
    global _process  # noqa: PLW0603 - one per process is what it is
    with _process_lock:
        if _process is None:
            _process = wait_for_process(all_settings.load())
        return _process


def set_process(process: Process | None) -> None:
    """Set what this process has open; None for nothing."""
    global _process  # noqa: PLW0603
    with _process_lock:
        _process = process


def open_process(
    settings: Settings,
    *,
    say: Callable[[str], None] = _say_to_log,
    progress: Progress | None = None,
) -> Process:
    """Open the catalogue; upgrade it, unless a fleet shares it (`kadr db upgrade` does that)."""
    opened = databases.open_database(settings.database_url, upgrade=settings.is_embedded)
    return Process(settings, opened, say, progress)


def wait_for_process(settings: Settings, say: Callable[[str], None] = _say_to_log) -> Process:
    """Open the catalogue of a fleet as soon as its server can be reached.

    Raises:
        CatalogError: The catalogue cannot be opened for another reason.
    """
    if settings.database_url.startswith("sqlite:"):
        return open_process(settings, say=say)
    return outages.wait_for(
        outages.DATABASE, lambda: open_process(settings, say=say), DatabaseUnavailableError
    )


def stop_process() -> None:
    """End the running task of this process after its batch, if anything is open."""
    if _process is not None:
        _process.stop()
