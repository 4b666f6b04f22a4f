"""Whatever happens to files, and whatever of it is heard: the rows are those of a fresh scan."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from watchdog import events
from watchdog.observers.polling import PollingObserver

from catalog.db import database as databases
from catalog.db.database import Database
from tests.support import folders
from worker.watch import events as file_events
from worker.watch import roots, scan, watcher

# Photos in folders, a name that is not UTF-8, and names that are left alone.
_NAMES = ["a.jpg", "b.JPG", "d/a.jpg", "d/b.jpg", "d/e/a.jpg", "d/é.png", "\udce9.jpg"]
_NAMES += [".a.jpg", "a.jpg.part", "a.txt", ".d/a.jpg"]
_FOLDERS = ["d", "d/e", "f", ".d", "f/g"]
_examples = count()

name = st.sampled_from(_NAMES)
folder = st.sampled_from(_FOLDERS)
content = st.sampled_from(["one", "two", "three"])
steps = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(st.just("write"), name, content),
            st.tuples(st.just("move"), name, name),
            st.tuples(st.just("copy"), name, name),
            st.tuples(st.just("delete"), name, st.just("")),
            st.tuples(st.just("arrive"), folder, content),
            st.tuples(st.just("move_folder"), folder, folder),
            st.tuples(st.just("leave"), folder, st.just("")),
        ),
        st.booleans(),
    ),
    max_size=15,
)


@dataclass
class Disk:
    """A folder where things happen, and a watcher that hears of them as the system tells it."""

    place: folders.Folder
    watched: watcher._WatchedRoot
    watching: watcher.Watcher
    is_heard: bool = True

    def path(self, name: str) -> Path:
        return self.place.top / name

    def tell(self, kind: type[events.FileSystemEvent], *names: str) -> None:
        if self.is_heard:
            changes = file_events.Changes(self.place.top, self.watched.touched, self.watched.gone)
            changes.dispatch(kind(*(str(self.path(name)) for name in names)))

    def catch_up(self) -> None:
        """Do what `kadr watch` does ten times a second."""
        self.watching._take_changes()

    def write(self, name: str, content: str) -> None:
        if self._is_blocked(name):
            return
        known = self.path(name).exists()
        self.place.write(name, content)
        self.tell(events.FileModifiedEvent if known else events.FileCreatedEvent, name)
        self.tell(events.FileClosedEvent, name)

    def move(self, name: str, target: str) -> None:
        if self.path(name).is_file() and not self._is_blocked(target):
            self.path(target).parent.mkdir(parents=True, exist_ok=True)
            self.path(name).replace(self.path(target))
            self.tell(events.FileMovedEvent, name, target)

    def copy(self, name: str, target: str) -> None:
        if name != target and self.path(name).is_file() and not self._is_blocked(target):
            self.path(target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.path(name), self.path(target))
            self.tell(events.FileCreatedEvent, target)

    def delete(self, name: str, _: str) -> None:
        if self.path(name).is_file():
            self.path(name).unlink()
            self.tell(events.FileDeletedEvent, name)

    def arrive(self, name: str, content: str) -> None:
        """Let a folder appear with its files, before the system watches inside it."""
        if not self.path(name).exists():
            self.place.write(f"{name}/a.jpg", content)
            self.place.write(f"{name}/h/b.jpg", content + "!")
            self.tell(events.DirCreatedEvent, name)

    def move_folder(self, name: str, target: str) -> None:
        is_inside = (target + "/").startswith(name + "/")
        if self.path(name).is_dir() and not self.path(target).exists() and not is_inside:
            self.path(target).parent.mkdir(parents=True, exist_ok=True)
            self.path(name).rename(self.path(target))
            self.tell(events.DirMovedEvent, name, target)

    def leave(self, name: str, _: str) -> None:
        """Move a folder out of the root: the system tells of the folder only."""
        if self.path(name).is_dir():
            self.path(name).rename(self.place.top.parent / f"left-{next(_examples)}")
            self.tell(events.DirDeletedEvent, name)

    def _is_blocked(self, name: str) -> bool:
        return self.path(name).is_dir()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Database]:
    """Return a second catalogue, that sees only the outcome."""
    opened = databases.open_database(f"sqlite:///{tmp_path / 'fresh.db'}", upgrade=True)
    yield opened
    opened.close()


@pytest.fixture
def make_disk(database: Database, tmp_path: Path) -> Callable[[], Disk]:
    def make() -> Disk:
        top = tmp_path / str(next(_examples)) / "photos"
        place = folders.open_folder(database, top)
        (top / "stays.jpg").write_text("stays")  # an empty root is taken for one that is away
        at_once = watcher.Intervals(settle_s=0.0)
        watched = watcher._WatchedRoot(roots.Folder(place.root, top), at_once)
        identity = scan.identify(top)
        assert identity is not None
        watched._observation = file_events.Observation(PollingObserver(), identity)
        watching = watcher.Watcher(database, place.ring, at_once, _roots=[watched])
        place.compare()
        return Disk(place, watched, watching)

    return make


def scanned(place: folders.Folder, fresh: Database) -> dict[str, bytes | None]:
    """Return the rows that a scan of the folder writes into a catalogue that knows nothing."""
    other = folders.open_folder(fresh, place.top)
    other.compare()
    return other.rows()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(
    steps=[  # a folder goes and another comes in its place before anyone looks
        (("write", "d/b.jpg", "one"), True),
        (("leave", "d", ""), False),
        (("arrive", "d", "one"), False),
    ]
)
@given(steps)
def test_events_leave_the_rows_of_a_fresh_scan(
    make_disk: Callable[[], Disk], fresh: Database, steps: list[tuple[tuple[str, str, str], bool]]
) -> None:
    disk = make_disk()
    for (what, first, second), catches_up in steps:
        getattr(disk, what)(first, second)
        if catches_up:
            disk.catch_up()
    disk.catch_up()

    assert disk.place.rows() == scanned(disk.place, fresh)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps, st.data())
def test_events_that_are_lost_are_made_up_for_by_a_scan(
    make_disk: Callable[[], Disk],
    fresh: Database,
    steps: list[tuple[tuple[str, str, str], bool]],
    data: st.DataObject,
) -> None:
    disk = make_disk()
    for (what, first, second), catches_up in steps:
        disk.is_heard = data.draw(st.booleans())
        getattr(disk, what)(first, second)
        if catches_up:
            disk.catch_up()
    disk.catch_up()
    disk.place.compare()

    assert disk.place.rows() == scanned(disk.place, fresh)
    assert disk.place.compare() == []
