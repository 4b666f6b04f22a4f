"""Events of a root, as the system tells them: what is to be looked at, and what went away."""

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psutil
import pytest
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from tests.support import photos
from worker import images
from worker.errors import RootError
from worker.images.geometry import Preprocess
from worker.watch import events
from worker.watch.events import Changes
from worker.watch.settling import Settling

PATIENCE_S = 120.0

_markers = count()


class Heard:
    """What a real observer of a folder has sorted so far."""

    def __init__(self, top: Path, poll_s: float | None = None) -> None:
        self.top = top
        self.touched: set[str] = set()
        self.gone: set[str] = set()
        self._changes = Changes(top, Settling(0.0), Settling(0.0))
        self.observation = events.start(self._changes, poll_s=poll_s)

    def look(self) -> None:
        self.touched |= {self._name(path) for path in self._changes.touched.take_due()}
        self.gone |= {self._name(path) for path in self._changes.gone.take_due()}

    def await_(self, condition: Callable[[], object]) -> None:
        """Wait until so much has been heard."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, (self.touched, self.gone)
            time.sleep(0.01)
            self.look()

    def await_touched(self, *names: str) -> None:
        self.await_(lambda: self.touched >= set(names))

    def await_gone(self, *names: str) -> None:
        self.await_(lambda: self.gone >= set(names))

    def await_all(self) -> None:
        """Wait until all that happened before has been heard: events keep their order."""
        name = f"last-{next(_markers)}.jpg"
        (self.top / name).touch()
        self.await_touched(name)
        self.touched.discard(name)

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.top))


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    (tmp_path / "photos").mkdir()
    found = Heard(tmp_path / "photos")
    yield found
    found.observation.stop()


def test_new_file_is_heard_of(heard: Heard) -> None:
    (heard.top / "a.jpg").write_bytes(b"dog")

    heard.await_touched("a.jpg")


def test_hidden_temporary_and_other_files_are_not_heard_of(heard: Heard) -> None:
    for name in (".a.jpg", "a.jpg.part", "a.txt", "~a.jpg"):
        (heard.top / name).write_bytes(b"dog")
    (heard.top / ".thumbnails").mkdir()
    (heard.top / ".thumbnails/a.jpg").write_bytes(b"dog")
    (heard.top / "@eaDir").mkdir()
    (heard.top / "@eaDir/a.jpg").write_bytes(b"dog")
    (heard.top / "a.txt").unlink()

    heard.await_all()

    assert heard.touched == set()
    assert heard.gone == set()


def test_reading_a_photo_is_no_event(heard: Heard) -> None:
    path = photos.save(heard.top / "a.jpg")
    heard.await_all()
    heard.touched.clear()

    images.decode(path, Preprocess(32, (0.0,) * 3, (1.0,) * 3))
    os.listdir(heard.top)  # noqa: PTH208  what a scan does
    heard.await_all()

    assert heard.touched == set()


def test_changed_file_is_heard_of(heard: Heard) -> None:
    path = heard.top / "a.jpg"
    path.write_bytes(b"dog")
    heard.await_all()
    heard.touched.clear()

    path.write_bytes(b"cat")

    heard.await_touched("a.jpg")


def test_deleted_file_is_gone(heard: Heard) -> None:
    path = heard.top / "a.jpg"
    path.write_bytes(b"dog")
    path.unlink()

    heard.await_gone("a.jpg")


def test_renamed_file_is_gone_here_and_looked_at_there(heard: Heard) -> None:
    (heard.top / "a.jpg").write_bytes(b"dog")
    heard.await_all()
    heard.touched.clear()

    (heard.top / "a.jpg").rename(heard.top / "b.jpg")

    heard.await_touched("b.jpg")
    heard.await_gone("a.jpg")
    assert heard.touched == {"b.jpg"}


def test_download_is_heard_of_when_it_gets_its_name(heard: Heard) -> None:
    (heard.top / "a.jpg.part").write_bytes(b"dog")
    (heard.top / "a.jpg.part").rename(heard.top / "a.jpg")

    heard.await_touched("a.jpg")
    assert "a.jpg.part" not in heard.gone


def test_file_moved_in_from_elsewhere_is_heard_of(heard: Heard, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"dog")
    (tmp_path / "a.jpg").rename(heard.top / "a.jpg")

    heard.await_touched("a.jpg")


def test_file_moved_out_is_gone(heard: Heard, tmp_path: Path) -> None:
    (heard.top / "a.jpg").write_bytes(b"dog")
    (heard.top / "a.jpg").rename(tmp_path / "a.jpg")

    heard.await_gone("a.jpg")


def test_new_folder_is_looked_at_for_the_files_nobody_told_of(heard: Heard) -> None:
    (heard.top / "album/inner").mkdir(parents=True)
    (heard.top / "album/inner/a.jpg").write_bytes(b"dog")

    heard.await_touched("album")


def test_folder_moved_in_is_looked_at(heard: Heard, tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album/a.jpg").write_bytes(b"dog")
    (tmp_path / "album").rename(heard.top / "album")

    heard.await_touched("album")


def test_folder_moved_out_is_gone(heard: Heard, tmp_path: Path) -> None:
    (heard.top / "album").mkdir()
    (heard.top / "album").rename(tmp_path / "album")

    heard.await_gone("album")


def test_folder_that_becomes_hidden_is_gone(heard: Heard) -> None:
    (heard.top / "album").mkdir()
    heard.await_all()
    heard.touched.clear()

    (heard.top / "album").rename(heard.top / ".album")
    heard.await_gone("album")

    assert heard.touched == set()


def test_names_that_are_not_utf8_are_heard_as_they_are(heard: Heard) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    (heard.top / name).write_bytes(b"coffee")
    heard.await_touched(name)

    (heard.top / name).unlink()
    heard.await_gone(name)


def test_polling_hears_of_what_comes_and_goes(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"dog")
    heard = Heard(tmp_path, poll_s=0.05)
    try:
        (tmp_path / "b.jpg").write_bytes(b"cat")
        heard.await_touched("b.jpg")
        (tmp_path / "a.jpg").unlink()
        heard.await_gone("a.jpg")
    finally:
        heard.observation.stop()


def test_another_folder_in_the_same_place_is_another(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    heard = Heard(tmp_path / "photos")
    (tmp_path / "photos").rename(tmp_path / "away")
    (tmp_path / "photos").mkdir()
    changed = Heard(tmp_path / "photos")
    try:
        assert heard.observation.identity != changed.observation.identity
    finally:
        heard.observation.stop()
        changed.observation.stop()


def test_folder_that_is_not_there_cannot_be_observed(tmp_path: Path) -> None:
    with pytest.raises(RootError, match="no such folder; check the name, or mount it first"):
        Heard(tmp_path / "nowhere")


@pytest.mark.parametrize(("code", "expected"), [(24, "sysctl"), (28, "sysctl"), (5, "try --poll")])
def test_limits_of_the_system_are_explained_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, expected: str
) -> None:
    def fail(self: BaseObserver, *_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Observer, "schedule", fail)
    before = psutil.Process().num_fds(), threading.active_count()

    for _ in range(3):
        with pytest.raises(RootError, match=expected):
            Heard(tmp_path)

    assert (psutil.Process().num_fds(), threading.active_count()) == before


def test_no_more_observers_allowed_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> BaseObserver:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr(events, "Observer", fail)

    with pytest.raises(RootError, match="max_user_instances"):
        Heard(tmp_path)


def test_lost_events_are_heard_of_in_the_log() -> None:
    lost = threading.Event()
    log = logging.getLogger(events.OverflowAlarm.LOGGER)
    with events.OverflowAlarm(lost):
        log.warning("something else")
        assert not lost.is_set()
        log.warning("Inotify queue overflowed; filesystem events were lost")
        assert lost.is_set()

    lost.clear()
    log.warning("Inotify queue overflowed; filesystem events were lost")
    assert not lost.is_set()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOSPC])
def test_a_limit_of_the_system_is_named_with_the_setting_that_raises_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Observer, "start", refuse)
    changes = Changes(tmp_path, Settling(0.0), Settling(0.0))

    with pytest.raises(RootError, match=r"sysctl fs\.inotify\.max_user_watches=.* --poll"):
        events.start(changes, poll_s=None)
