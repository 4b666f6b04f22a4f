"""Watches roots and registers files once they have settled; never decodes a photo.

Files come from events, from polling where there are none, and from comparing every root with the
catalogue: at the start, every `reconcile_s`, and after the kernel dropped events. `kadr watch` runs
it.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import structlog

from catalog import paths
from catalog.db import sql
from catalog.db.database import Database
from catalog.errors import DatabaseUnavailableError
from catalog.photos import files, sidecars
from catalog.tags import store
from worker import outages
from worker.errors import RootError
from worker.watch import events, ingest, scan, walking
from worker.watch.exclusions import Rules
from worker.watch.roots import Folder
from worker.watch.settling import Settling

_log = structlog.get_logger()

_TICK_S = 0.1
#: How often each root is checked to be still the folder that is observed.
_ROOTS_CHECK_S = 2.0
_FILES_AT_ONCE = 256
#: Who misses the database, in `outages`.
_WHO = "watcher"
#: Pause after the database could not be reached.
_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals in seconds; see `worker.settings` for each."""

    settle_s: float = 2.0
    reconcile_s: float = 900.0
    poll_s: float = 30.0


class _WatchedRoot:
    """One root: its row, its events, and its observer while the folder exists."""

    def __init__(self, folder: Folder, intervals: Intervals, rules: Rules | None = None) -> None:
        self.root = folder.root
        self.rules = rules or Rules()
        #: Folders that could not be read when they were last looked at.
        self.unreadable: set[Path] = set()
        #: The folder that is watched: the root itself, or one below it.
        self.top = folder.path
        self.base = paths.from_text(folder.root.path)
        #: Files of an older Kadr; None if there are none left.
        self.backlog: ingest.Backlog | None = None
        self.touched = Settling(intervals.settle_s)
        self.gone = Settling(0.0)
        self._poll_s = intervals.poll_s if folder.root.polled else None
        self._observation: events.Observation | None = None

    def start(self) -> None:
        """Start to observe: no change from here on is missed."""
        changes = events.Changes(self.top, self.touched, self.gone, self.rules, self.base)
        self._observation = events.start(changes, poll_s=self._poll_s)

    def stop(self) -> None:
        """Stop observing."""
        if self._observation is not None:
            self._observation.stop()
            self._observation = None

    def is_in_place(self) -> bool:
        """Return whether the folder that is observed is still the one at its path."""
        found = scan.identify(self.top)
        return self._observation is not None and found == self._observation.identity

    def is_told(self) -> bool:
        """Return whether the system tells of changes here, and no polling finds them."""
        return self._observation is not None and self._poll_s is None

    def revive(self) -> bool:
        """Observe the folder again if it was gone and is back; return whether it was."""
        now, observation = scan.identify(self.top), self._observation
        if observation and not (self.is_in_place() and observation.is_listening()):
            _log.warning("root_unreachable", root=self.root.name, folder=str(self.top))
            self.stop()
            self.gone = Settling(0.0)  # of the folder that was there: the comparison decides
        if self._observation is None and now is not None:
            self.start()
            _log.info("root_is_back", root=self.root.name)
            return True
        return False


@dataclass(slots=True)
class Watcher:
    """Keeps the catalogue in step with its roots, from `run` until `stop`."""

    database: Database
    ring: ingest.Ring
    intervals: Intervals = field(default_factory=Intervals)
    #: Reads the metadata of photos again whose files were changed in place.
    read_metadata: Callable[[], object] = lambda: None
    #: Knows keywords of sidecars that are new to the catalogue.
    look_up: store.LookUp = store.nothing_known
    #: What is left out of every root.
    rules: Rules = field(default_factory=Rules)
    #: Sends what was there before, behind what arrives; None: `ring` does.
    ring_later: ingest.Ring | None = None
    clock: Callable[[], float] = time.monotonic
    _roots: list[_WatchedRoot] = field(default_factory=list)
    #: Set if events were lost or could not be recorded: the roots must be compared again.
    _behind: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)
    #: Whether the system lets no further folder be watched.
    _is_full: bool = False

    def run(self, folders: Iterable[Folder], on_ready: Callable[[], None] = lambda: None) -> None:
        """Watch folders until `stop` is called.

        Args:
            folders: What is watched.
            on_ready: Called once all files that existed before have been registered.

        Raises:
            RootError: A folder does not exist or cannot be watched.
        """
        with events.OverflowAlarm(self._behind):
            try:
                for folder in folders:
                    watched = _WatchedRoot(folder, self.intervals, self.rules)
                    watched.start()
                    self._roots.append(watched)
                self._begin(on_ready)
                self._loop()
            finally:
                for watched in self._roots:
                    watched.stop()

    def stop(self) -> None:
        """End `run` after its current step. May be called from any thread or signal handler."""
        self._stopped.set()

    def _begin(self, on_ready: Callable[[], None]) -> None:
        """Register what is there; events that the kernel drops meanwhile are not forgotten."""
        while not self._stopped.is_set():
            try:
                self._reconcile_all()
            except DatabaseUnavailableError as error:
                self._wait_for_database(error)
            else:
                outages.clear(outages.DATABASE, who=_WHO)
                on_ready()
                return

    def _wait_for_database(self, error: DatabaseUnavailableError) -> None:
        outages.note(outages.DATABASE, str(error), who=_WHO)
        self._behind.set()
        self._stopped.wait(_PAUSE_S)

    def _loop(self) -> None:
        reconcile_at = check_at = retry_at = 0.0
        while not self._stopped.wait(_TICK_S):
            now = self.clock()
            try:
                if self._behind.is_set() or (reconcile_at and now >= reconcile_at):
                    self._behind.clear()
                    _log.info("roots_compared_again")
                    self._reconcile_all()
                    reconcile_at = 0.0
                if now >= check_at:
                    self._check_room()
                    self._revive_roots()
                    check_at = now + _ROOTS_CHECK_S
                if now >= retry_at:
                    self._retry_unreadable()
                    retry_at = now + self.intervals.poll_s
                self._take_changes()
            except DatabaseUnavailableError as error:
                self._wait_for_database(error)
            else:
                outages.clear(outages.DATABASE, who=_WHO)
            reconcile_at = reconcile_at or now + self.intervals.reconcile_s

    def _take_changes(self) -> None:
        is_idle = True
        for watched in self._roots:
            gone, touched = watched.gone.take_due(), watched.touched.take_due()
            is_idle = is_idle and not gone and not touched
            self._mark_gone(watched, gone)
            self._take_due(watched, touched)
        if is_idle:
            self._work_off()

    def _work_off(self) -> None:
        """Look at a few files that an older Kadr registered."""
        for watched in self._roots:
            if watched.backlog is not None and not watched.backlog.step():
                watched.backlog = None

    def _reconcile_all(self) -> None:
        for watched in self._roots:
            self._reconcile(watched)

    def _revive_roots(self) -> None:
        for watched in self._roots:
            try:
                is_back = watched.revive()
            except RootError as error:  # gone again at once, or too many watches: try again later
                _log.warning("root_unreachable", root=watched.root.name, reason=str(error))
                continue
            if is_back:
                self._reconcile(watched)

    def _check_room(self) -> None:
        """Say once that new folders are not watched; watch all again once there is room."""
        observed = [watched for watched in self._roots if watched.is_told()]
        is_full = any(not events.can_watch_more(watched.top) for watched in observed)
        if is_full and not self._is_full:
            shown = paths.printable(paths.to_text(observed[0].top))
            _log.warning(
                "watch_limit_reached",
                reason=events.too_many(shown),
                new_folders_seen_after_s=self.intervals.reconcile_s,
            )
        if self._is_full and not is_full:
            for watched in observed:
                watched.stop()  # `_revive_roots` starts again, and compares
        self._is_full = is_full

    def _reconcile(self, watched: _WatchedRoot) -> None:
        met = walking.Seen()
        changes = scan.find_changes(
            self.database, watched.root, watched.top, rules=watched.rules, met=met
        )
        for changed in changes:
            self._take(watched, self._settled(watched, changed), self._backfill)
            if self._stopped.is_set():
                return
        watched.unreadable = _locked(met.unreadable)
        watched.backlog = ingest.Backlog(self.database, watched.root, self._backfill)
        self.read_metadata()

    def _retry_unreadable(self) -> None:
        """Look again at folders and files that can be read by now, of which no event may tell."""
        for watched in self._roots:
            opened = watched.unreadable - _locked(watched.unreadable)
            if opened and watched.is_in_place():  # it could not be watched while it was locked
                watched.unreadable -= opened
                watched.stop()  # `_revive_roots` starts again, and compares
            with self.database.read() as session:
                unread = files.find_unreadable(session, watched.root.id)
            again = {watched.base / paths.from_text(path) for path in unread}
            again = {path for path in again if path.is_relative_to(watched.top)}
            self._take_due(watched, opened | {path for path in again if os.access(path, os.R_OK)})

    def _settled(
        self, watched: _WatchedRoot, files: Iterable[scan.FoundFile]
    ) -> list[scan.FoundFile]:
        """Return files that were not written to within `settle_s`; hold back the others."""
        written_after = time.time() - self.intervals.settle_s
        settled = []
        for found in files:
            if found.changed_at > written_after:
                watched.touched.touch(found.path)
            else:
                settled.append(found)
        return settled

    def _take_due(self, watched: _WatchedRoot, due: Iterable[Path]) -> None:
        found: list[scan.FoundFile] = []
        for path in due:
            if os.path.isdir(path):  # noqa: PTH112  Path.is_dir raises without permission
                found.extend(self._settled(watched, self._walk(watched, path)))
            elif (file := scan.stat_file(path)) is not None:
                found.append(file)
        # A folder that came is told of itself and by its files.
        once = {file.path: file for file in found}.values()
        # A photo that arrives alone need not wait for a whole folder that was copied in.
        self._take(watched, once, self.ring if len(once) <= _FILES_AT_ONCE else self._backfill)

    def _walk(self, watched: _WatchedRoot, folder: Path) -> Iterator[scan.FoundFile]:
        met = walking.Seen()
        yield from scan.walk(folder, watched.rules.of(watched.base), met)
        watched.unreadable |= _locked(met.unreadable)

    @property
    def _backfill(self) -> ingest.Ring:
        return self.ring_later or self.ring

    def _take(
        self, watched: _WatchedRoot, files: Iterable[scan.FoundFile], ring: ingest.Ring
    ) -> None:
        for chunk in sql.chunks(files, _FILES_AT_ONCE):
            taken = ingest.take_files(
                self.database,
                watched.root,
                chunk,
                ring,
                look_up=self.look_up,
                sidecar_dir=self.rules.sidecar_dir,
            )
            for path in taken.unsettled:
                watched.touched.touch(path)
            if taken.metadata_due:
                self.read_metadata()

    def _mark_gone(self, watched: _WatchedRoot, due: Iterable[Path]) -> None:
        """Mark deleted files as missing, unless the whole root is gone (an unmounted disk)."""
        lost = [path for path in due if path != watched.top]
        if not lost or not watched.is_in_place():
            return
        now = datetime.now(UTC)
        relative = [scan.relative(path, watched.base) for path in lost if scan.is_gone(path)]
        inside = [path for folder in lost for path in self._find_gone_inside(watched, folder)]
        if not relative and not inside:
            return
        scan.mark_missing(self.database, watched.root, [*relative, *inside])
        for path in relative:
            if not walking.is_wanted(
                PurePosixPath(path).name
            ):  # each folder costs a look at every row
                self._mark_folder_missing(watched, path, now)

    def _mark_folder_missing(self, watched: _WatchedRoot, folder: str, now: datetime) -> None:
        with self.database.write() as session:
            files.mark_folder_missing(session, watched.root.id, folder, now=now)
            beside = sidecars.find_present_paths(session, watched.root.id, folder)
        scan.mark_missing(self.database, watched.root, beside)

    def _find_gone_inside(self, watched: _WatchedRoot, path: Path) -> list[str]:
        """Return the files that are gone from a folder that was replaced by another one."""
        if not os.path.isdir(path):  # noqa: PTH112  Path.is_dir raises without permission
            return []
        folder = scan.relative(path, watched.base)
        rules = watched.rules.of(watched.base)
        chunks = scan.find_gone(self.database, watched.root, folder, (), rules)
        return [gone for chunk in chunks for gone in chunk]


def _locked(folders: Iterable[Path]) -> set[Path]:
    """Return the folders that this user has no right to read; others fail for other reasons."""
    return {folder for folder in folders if not os.access(folder, os.R_OK | os.X_OK)}
