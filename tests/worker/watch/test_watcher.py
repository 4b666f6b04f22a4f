"""The watcher keeps going, and believes nothing of a root that is not there."""

import ctypes
import errno
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import select, update

from catalog.db.database import Database, open_database
from catalog.db.tables import Photo, PhotoFile
from catalog.errors import DatabaseUnavailableError
from tests.support import folders, photos
from tests.support.folders import Folder, digest
from worker.errors import RootError
from worker.watch import events, ingest, roots, scan, walking, watcher

if sys.platform == "linux":
    from watchdog.observers import inotify_c

PATIENCE_S = 20.0


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    opened = open_database(sqlite_url, upgrade=True)
    yield opened
    opened.close()


@pytest.fixture
def folder(database: Database, tmp_path: Path) -> Folder:
    return folders.open_folder(database, tmp_path / "photos")


@contextmanager
def watching(folder: Folder) -> Iterator[watcher.Watcher]:
    """Watch a folder in a thread of this process."""
    intervals = watcher.Intervals(settle_s=0.05, poll_s=0.05)
    running = watcher.Watcher(folder.database, folder.ring, intervals, ring_later=folder.ring_later)
    ready = threading.Event()
    named = [roots.Folder(folder.root, folder.top)]
    thread = threading.Thread(target=running.run, args=(named, ready.set))
    thread.start()
    assert ready.wait(PATIENCE_S)
    try:
        yield running
    finally:
        running.stop()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()


class Kernel:
    """Refuses to watch more than some folders, as Linux does at `max_user_watches`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
        self.limit = limit
        self._watched: set[bytes] = set()
        self._add = inotify_c.inotify_add_watch
        monkeypatch.setattr(inotify_c, "inotify_add_watch", self._add_within_limit)

    def _add_within_limit(self, instance: int, path: bytes, mask: int) -> int:
        if mask == inotify_c.InotifyConstants.IN_DELETE_SELF:  # a look for room
            is_full = len(self._watched) >= self.limit
        else:
            is_full = len(self._watched | {path}) > self.limit
            self._watched |= set() if is_full else {path}
        if is_full:
            ctypes.set_errno(errno.ENOSPC)
            return -1
        return self._add(instance, path, mask)


def eventually(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_was_there_before_goes_behind_what_arrives(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "_FILES_AT_ONCE", 2)
    before = folder.write("before.jpg")
    eventually(lambda: time.time() - before.stat().st_ctime > 0.1)  # it has settled
    with watching(folder):
        eventually(lambda: folder.rung_later)
        folder.write("arrives.jpg")
        eventually(lambda: folder.rung)
        inbox = folder.top.parent / "inbox"
        inbox.mkdir()
        for number in range(5):
            (inbox / f"{number}.jpg").write_bytes(b"%d" % number)
        inbox.rename(folder.top / "inbox")
        eventually(lambda: len(folder.rows()) == 7)

    ids = folder.photo_ids()
    assert folder.rung == [[ids["arrives.jpg"]]]
    assert sum(map(len, folder.rung_later)) == 6


@pytest.fixture(params=[False, True], ids=["events", "polling"])
def polled(request: pytest.FixtureRequest, folder: Folder) -> Folder:
    folder.root.polled = request.param
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
def test_more_folders_than_the_system_lets_be_watched_end_it_with_a_sentence(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        folder.write(f"{name}/1.jpg")
    Kernel(monkeypatch, limit=3)

    watched = watcher.Watcher(folder.database, folder.ring)
    with pytest.raises(RootError, match=r"sysctl fs\.inotify\.max_user_watches=.* --poll"):
        watched.run([roots.Folder(folder.root, folder.top)])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
def test_too_many_observers_of_other_programs_are_no_lack_of_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        ctypes.set_errno(errno.EMFILE)
        return -1

    monkeypatch.setattr(inotify_c, "inotify_init", refuse)

    assert events.can_watch_more(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
def test_new_folders_beyond_the_limit_are_told_of_once_and_watched_when_there_is_room(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "_ROOTS_CHECK_S", 0.05)
    kernel = Kernel(monkeypatch, limit=3)
    with watching(folder), structlog.testing.capture_logs() as logs:
        folder.write("a/1.jpg")
        folder.write("b/1.jpg")
        eventually(lambda: any(each["event"] == "watch_limit_reached" for each in logs))
        folder.write("c/1.jpg")
        eventually(lambda: len(folder.rows()) == 3)
        kernel.limit = 100
        eventually(lambda: any(each["event"] == "root_is_back" for each in logs))
        folder.write("c/2.jpg")
        eventually(lambda: len(folder.rows()) == 4)

    assert [each["event"] for each in logs].count("watch_limit_reached") == 1


def test_root_that_is_unmounted_and_comes_back_marks_nothing_missing(polled: Folder) -> None:
    for number in range(5):
        polled.write(f"album/{number}.jpg")
    away = polled.top.parent / "away"
    with watching(polled):
        eventually(lambda: len(polled.rows()) == 5)

        polled.top.rename(away)
        polled.top.mkdir()  # the mount point without its disk
        time.sleep(0.5)
        assert polled.missing() == set()

        polled.top.rmdir()
        away.rename(polled.top)
        polled.write("album/new.jpg")
        eventually(lambda: len(polled.rows()) == 6)
    assert polled.missing() == set()


def test_root_that_cannot_be_observed_again_at_once_is_tried_later(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = folder.top.parent / "away"
    start, tries = events.start, []

    def fail_once(changes: events.Changes, *, poll_s: float | None) -> events.Observation:
        tries.append(changes)
        if len(tries) == 1:
            raise RootError("photos: the system's limit is reached; raise it")
        return start(changes, poll_s=poll_s)

    with watching(folder) as running:
        folder.top.rename(away)
        eventually(lambda: running._roots[0]._observation is None)
        monkeypatch.setattr(events, "start", fail_once)
        away.rename(folder.top)
        folder.write("a.jpg")
        eventually(lambda: len(folder.rows()) == 1)

    assert len(tries) == 2


def test_root_that_is_away_for_a_moment_is_listened_to_again(polled: Folder) -> None:
    away = polled.top.parent / "away"
    with watching(polled) as running:
        observation = running._roots[0]._observation
        assert observation is not None
        polled.top.rename(away)
        if polled.root.polled:
            eventually(lambda: not observation.is_listening())
        away.rename(polled.top)  # the same folder in the same place, but nobody listens

        polled.write("a.jpg")
        eventually(lambda: len(polled.rows()) == 1)


def test_many_files_that_are_deleted_with_their_folder_are_missing(polled: Folder) -> None:
    names = {f"album/{number}.jpg" for number in range(50)}
    for name in names:
        polled.write(name)
    polled.write("stays.jpg")
    with watching(polled):
        eventually(lambda: len(polled.rows()) == 51)
        (polled.top / "album").rename(polled.top.parent / "elsewhere")
        eventually(lambda: polled.missing() == names)
    assert set(polled.rows()) == {"stays.jpg"}


def test_a_file_that_becomes_readable_is_taken_within_the_poll_interval(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a.jpg", "cat")
    read = ingest._digests

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ingest, "_digests", refuse)
    with watching(folder):
        eventually(lambda: folder.rows() == {"a.jpg": None})

        monkeypatch.setattr(ingest, "_digests", read)  # a chmod of a folder above: no event

        eventually(lambda: folder.rows() == {"a.jpg": digest("cat")})


def test_a_folder_that_becomes_readable_is_walked_and_watched(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("locked/a.jpg")
    folder.write("z/b.jpg")
    locked, read, is_locked = folder.top / "locked", walking._read_folder, True

    def refuse(path: Path) -> object:
        if is_locked and path == locked:
            raise PermissionError(13, "Permission denied")
        return read(path)

    def access(path: Path, mode: int) -> bool:
        return not (is_locked and Path(path) == locked)

    monkeypatch.setattr(walking, "_read_folder", refuse)
    monkeypatch.setattr("worker.watch.watcher.os.access", access)
    with watching(folder):
        eventually(lambda: set(folder.rows()) == {"z/b.jpg", "locked/"})
        assert folder.rows()["locked/"] is None  # a failure that `kadr failures` names
        is_locked = False

        eventually(lambda: "locked/a.jpg" in folder.rows())
        folder.write("locked/b.jpg")
        eventually(lambda: set(folder.rows()) == {"z/b.jpg", "locked/a.jpg", "locked/b.jpg"})


def test_a_change_that_keeps_size_and_mtime_is_heard(polled: Folder) -> None:
    path = polled.write("a.jpg", "cat")
    with watching(polled):
        eventually(lambda: polled.rows() == {"a.jpg": digest("cat")})
        before = path.stat()

        path.write_text("dog")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

        eventually(lambda: polled.rows() == {"a.jpg": digest("dog")})


def test_files_of_an_old_catalogue_get_their_digests_while_nothing_happens(folder: Folder) -> None:
    folder.write("a.jpg", photos.jpeg_bytes())
    folder.compare()
    with folder.database.write() as session:
        session.execute(update(PhotoFile).values(ctime_ns=None))
        session.execute(update(Photo).values(image_digest=None))

    def has_digest() -> bool:
        with folder.database.read() as session:
            return session.scalars(select(Photo.image_digest)).one() is not None

    with watching(folder):
        eventually(has_digest)


def test_a_database_that_is_away_at_the_start_is_waited_for(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a.jpg")
    monkeypatch.setattr(watcher, "_PAUSE_S", 0.05)
    answers = iter([DatabaseUnavailableError("it restarts")])
    find_changes = scan.find_changes

    def failing_once(*arguments: Any, **options: Any) -> Any:
        if error := next(answers, None):
            raise error
        return find_changes(*arguments, **options)

    monkeypatch.setattr(scan, "find_changes", failing_once)

    with watching(folder):
        assert len(folder.rows()) == 1


def test_events_that_are_dropped_during_the_first_comparison_are_not_forgotten(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_changes = scan.find_changes
    compared: list[Path] = []

    def overflowing(*arguments: Any, **options: Any) -> Any:
        yield from find_changes(*arguments, **options)
        if not compared:
            logging.getLogger(events.OverflowAlarm.LOGGER).warning("inotify queue overflow")
        compared.append(folder.top)

    monkeypatch.setattr(scan, "find_changes", overflowing)

    with watching(folder):
        eventually(lambda: len(compared) > 1)
