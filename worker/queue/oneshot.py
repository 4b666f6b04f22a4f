"""Tags some photos, or those in some folders, once; `kadr tag` calls it.

Messages are sent during the scan, so the first photos are tagged before the last ones are found.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Protocol

from catalog.photos import history, status
from catalog.photos.history import EventKind
from catalog.photos.status import Counts
from worker.queue.doorbell import Doorbell
from worker.queue.process import Process
from worker.watch import ingest, scan
from worker.watch.exclusions import Rules
from worker.watch.roots import Folder

_LOOK_EVERY_S = 0.1
#: How often the folders are scanned while files change as they are read.
_SCANS = 3
#: How long a run looks at files that an older Kadr registered; the next one goes on.
_BACKLOG_S = 20.0


class View(Protocol):
    """Shows how far the work is."""

    def found(self, photos: int) -> None:
        """Show how many new photos have been registered so far."""

    def left(self, photos: int) -> None:
        """Show how many photos are still to be tagged."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did, and the state of the folders after it."""

    #: Photos that were to be tagged: new, changed, or left over from before.
    photos: int
    tagged: int
    quarantined: int
    #: Photos whose files were missing or changing.
    waiting: int
    #: Photos that were tagged before and whose metadata another program changed.
    reread: int
    seconds: float
    #: States of all photos in the folders.
    counts: Counts

    @property
    def did_nothing_useful(self) -> bool:
        """Return whether there was work and none of it could be done."""
        return self.photos > 0 and self.tagged == 0


#: Starts a worker in this process, or checks that a fleet can be reached.
StartWorker = Callable[[], AbstractContextManager[object]]


def tag_folders(
    process: Process,
    folders: Sequence[Folder],
    doorbell: Doorbell,
    start_worker: StartWorker,
    view: View,
) -> Summary:
    """Register new photos below the folders and wait until all are tagged or quarantined.

    The worker is started for the first photo that needs it, so that a run that finds nothing new
    loads no model.

    Raises:
        CatalogError, WorkerError: What kept a task from tagging.
    """
    began = time.monotonic()
    run = _Run(process, doorbell, start_worker, view, folders)
    with process.database.read() as session:
        mark = history.last_event_id(session)
    with run.stack:
        for _ in range(_SCANS):
            if run.is_unfinished():
                run.begin()
            unsettled = sum(run.register(folder) for folder in folders)
            run.wait()
            if not unsettled:
                break
        run.work_off()
    with process.database.read() as session:
        which, only = run.root_ids, run.photo_ids or ()
        done = history.count_finished(session, mark, root_ids=which, photo_ids=only)
        reread = history.count_reread(session, mark, root_ids=which, photo_ids=only)
        after = status.count_states(session, run.root_ids, run.photo_ids)
    tagged, quarantined = done[EventKind.TAGGED], done[EventKind.QUARANTINED]
    return Summary(
        photos=tagged + quarantined + after.pending,
        tagged=tagged,
        quarantined=quarantined,
        waiting=after.pending,
        reread=reread,
        seconds=time.monotonic() - began,
        counts=after,
    )


class _Run:
    def __init__(
        self,
        process: Process,
        doorbell: Doorbell,
        start_worker: StartWorker,
        view: View,
        folders: Sequence[Folder],
    ) -> None:
        self.stack = ExitStack()
        self._process = process
        self._doorbell = doorbell
        self._start_worker = start_worker
        self._view = view
        self._folders = folders
        self._rules = Rules.of_settings(process.settings)
        self.root_ids = {folder.root.id for folder in folders}
        #: The photos that are tagged; None for all in the roots.
        self.photo_ids: set[int] | None = (
            set() if all(folder.photos for folder in folders) else None
        )
        self._is_begun = False
        self._found = 0

    def is_unfinished(self) -> bool:
        return self._count_left() > 0

    def begin(self) -> None:
        """Start the worker, once."""
        if not self._is_begun:
            self._is_begun = True
            self.stack.enter_context(self._start_worker())
            if self.photo_ids is None:
                self._doorbell.sweep(self._process.database)

    def register(self, folder: Folder) -> int:
        """Register what is new below a folder; return how many files changed meanwhile."""
        unsettled = 0
        for changed in self._changes(folder):
            if not changed:
                continue
            process = self._process
            # single photos that a person names go before a fleet's backfill
            ring = self._doorbell.ring if folder.photos else self._doorbell.ring_later
            taken = ingest.take_files(
                process.database,
                folder.root,
                changed,
                ring,
                look_up=process.look_up,
                sidecar_dir=self._rules.sidecar_dir,
            )
            if taken.photo_ids:  # what changed only in its metadata needs no model
                self.begin()
            unsettled += len(taken.unsettled)
            if self.photo_ids is not None:
                self.photo_ids.update(taken.known_ids)
            self._found += len(taken.photo_ids)
            self._view.found(self._found)
            self._view.left(self._count_left())
        self._process.read_metadata()
        return unsettled

    def _changes(self, folder: Folder) -> Iterator[list[scan.FoundFile]]:
        if folder.photos:
            found = (scan.stat_file(photo) for photo in folder.photos)
            return iter([[file for file in found if file is not None]])
        return scan.find_changes(
            self._process.database, folder.root, folder.path, rules=self._rules
        )

    def work_off(self) -> None:
        """Fill in the digests of files that an older Kadr registered, for `_BACKLOG_S` at most."""
        until = time.monotonic() + _BACKLOG_S
        for folder in self._folders:
            if folder.photos:
                continue
            database, ring = self._process.database, self._doorbell.ring_later
            backlog = ingest.Backlog(database, folder.root, ring)
            while time.monotonic() < until and backlog.step():
                pass

    def wait(self) -> None:
        """Wait until no photo is left that can be tagged now; raise the error of a failed task."""
        while (left := self._count_left()) > 0:
            if self._process.trouble is not None:
                raise self._process.trouble
            self._view.left(left)
            time.sleep(_LOOK_EVERY_S)
        self._view.left(0)

    def _count_left(self) -> int:
        with self._process.database.read() as session:
            return status.count_unfinished(session, self.root_ids, self.photo_ids)
