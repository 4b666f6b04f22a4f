"""Receives the file-system events of a root, from the operating system or by polling.

`worker.watch.watcher` owns one `Observation` per root. Events only add paths to `Settling`; nothing
here reads a file or a row.
"""

import ctypes
import errno
import logging
import os
import sys
import threading
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserverVFS

from catalog import paths
from worker.errors import RootError
from worker.watch import scan, walking
from worker.watch.exclusions import Rules
from worker.watch.settling import Settling

if sys.platform == "linux":
    from watchdog.observers import inotify_c

#: Without this filter our own reading of a photo would be an event.
_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileClosedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
_GONE_EVENTS = (FileDeletedEvent, DirDeletedEvent, FileMovedEvent, DirMovedEvent)
#: Too many inotify instances, too many inotify watches.
_TOO_MANY = {errno.EMFILE, errno.ENOSPC}


class OverflowAlarm(logging.Handler):
    """Notices that the kernel dropped events, which watchdog 7 reports only in its log."""

    LOGGER = "watchdog.observers.inotify_c"

    def __init__(self, event: threading.Event) -> None:
        super().__init__(logging.WARNING)
        self._event = event

    def emit(self, record: logging.LogRecord) -> None:
        """Set the event if the record reports an overflow."""
        if "overflow" in record.getMessage():
            self._event.set()

    def __enter__(self) -> Self:
        logging.getLogger(self.LOGGER).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(self.LOGGER).removeHandler(self)


@dataclass(slots=True, eq=False)  # watchdog keeps handlers in sets
class Changes(FileSystemEventHandler):
    """Sorts the events of one root into paths that appeared or changed, and paths that are gone."""

    top: Path
    touched: Settling
    gone: Settling
    rules: Rules = field(default_factory=Rules)
    #: The root that the ignore files are looked for in; `top` if None.
    base: Path | None = None

    def dispatch(self, event: FileSystemEvent) -> None:
        """Sort one event. Called from watchdog's threads."""
        path = Path(_text(event.src_path))
        if isinstance(event, _GONE_EVENTS):
            if event.is_directory or walking.is_wanted(path.name):
                self.gone.touch(path)
            path = Path(_text(event.dest_path))
        if event.dest_path or not isinstance(event, _GONE_EVENTS):
            self._appeared(path, is_folder=event.is_directory)

    def _appeared(self, path: Path, *, is_folder: bool) -> None:
        if not path.is_relative_to(self.top) or not (is_folder or walking.is_wanted(path.name)):
            return
        exclusions = self.rules.of(self.base or self.top)
        # Files in a new folder may have been created before the folder was watched: it is walked.
        if exclusions.reason_of(path, is_folder=is_folder) is None:
            self.touched.touch(path)


@dataclass(slots=True)
class Observation:
    """A running observer of a folder, and the identity of the folder when it started."""

    observer: BaseObserver
    identity: tuple[int, int]

    def is_listening(self) -> bool:
        """Return whether events still arrive; they stop if the folder is gone even for a moment."""
        return all(emitter.is_alive() for emitter in self.observer.emitters)

    def stop(self) -> None:
        """Stop the observer and its threads."""
        self.observer.stop()
        self.observer.join()


def start(changes: Changes, *, poll_s: float | None) -> Observation:
    """Start to observe a root, by polling every `poll_s` seconds if given.

    Raises:
        RootError: The folder does not exist, or the system's limits do not allow it.
    """
    found = scan.identify(changes.top)
    shown = paths.printable(paths.to_text(changes.top))
    if found is None:
        raise RootError(f"{shown}: no such folder; check the name, or mount it first")
    try:
        observation = Observation(_observe(changes, poll_s), found)
    except OSError as error:
        raise RootError(_explain(shown, error)) from error
    if poll_s is None and not can_watch_more(changes.top):
        observation.stop()
        raise RootError(too_many(shown))
    return observation


def can_watch_more(folder: Path) -> bool:
    """Return whether the system would let one more folder be watched.

    watchdog 7 says nothing of folders below a root that it may not watch: where there is no room
    for one more folder, some may have been passed over.
    """
    if sys.platform != "linux":
        return True
    instance = inotify_c.inotify_init()
    if instance == -1:  # too many instances, which the observer does not need
        return True
    try:
        watch = inotify_c.inotify_add_watch(
            instance, os.fsencode(folder), inotify_c.InotifyConstants.IN_DELETE_SELF
        )
        return watch != -1 or ctypes.get_errno() != errno.ENOSPC
    finally:
        os.close(instance)


def too_many(shown: str) -> str:
    """Return what to do where no further folder can be watched."""
    return (
        f"{shown}: the system's limit of watched folders is reached; raise it with `sysctl "
        "fs.inotify.max_user_watches=1048576 fs.inotify.max_user_instances=1024`, "
        "or watch with --poll"
    )


def _observe(changes: Changes, poll_s: float | None) -> BaseObserver:
    # `mkdir -p a/b` can make watchdog watch b twice, which it warns of and which does no harm.
    warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
    observer = Observer() if poll_s is None else _poll_every(poll_s)
    try:
        observer.schedule(changes, str(changes.top), recursive=True, event_filter=_EVENTS)
        observer.start()
    except OSError:
        observer.stop()  # it has an inotify instance and a thread from the start
        raise
    return observer


def _poll_every(poll_s: float) -> BaseObserver:
    """Return an observer that sees changes of content and of rights, also where mtime stays."""
    return PollingObserverVFS(stat=_stat_change, listdir=os.scandir, polling_interval=poll_s)


def _stat_change(path: str) -> os.stat_result:
    """Return what `os.stat` does, with the later of mtime and ctime as mtime."""
    found = os.stat(path)  # noqa: PTH116 - watchdog wants this function
    changed = max(found.st_mtime, found.st_ctime)
    return os.stat_result(found[:10], {"st_mtime": changed})


def _text(path: bytes | str) -> str:
    return path.decode(errors="surrogateescape") if isinstance(path, bytes) else path


def _explain(shown: str, error: OSError) -> str:
    if error.errno in _TOO_MANY:
        return too_many(shown)
    return f"{shown}: cannot be watched ({error.strerror}); try --poll"
