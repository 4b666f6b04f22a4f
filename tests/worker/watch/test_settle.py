"""A file is taken when it has been left alone for long enough, and not before."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from worker.watch.settling import Settling

QUIET_S = 2.0


@dataclass
class Clock:
    """A clock that the test moves."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settling(clock: Clock) -> Settling:
    return Settling(QUIET_S, clock)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"half")
    return path


def test_file_is_due_after_the_quiet_time_and_only_once(
    settling: Settling, clock: Clock, photo: Path
) -> None:
    settling.touch(photo)
    clock.pass_s(QUIET_S - 0.1)
    assert settling.take_due() == []

    clock.pass_s(0.1)
    assert settling.take_due() == [photo]
    assert settling.take_due() == []
    assert len(settling) == 0


def test_each_event_begins_the_quiet_time_anew(
    settling: Settling, clock: Clock, photo: Path
) -> None:
    for _ in range(5):
        settling.touch(photo)
        clock.pass_s(QUIET_S - 0.1)
        assert settling.take_due() == []

    clock.pass_s(0.1)
    assert settling.take_due() == [photo]


def test_file_that_grows_without_events_is_waited_for(
    settling: Settling, clock: Clock, photo: Path
) -> None:
    settling.touch(photo)
    for _ in range(3):
        clock.pass_s(QUIET_S)
        with photo.open("ab") as file:
            file.write(b"more")
        assert settling.take_due() == []

    clock.pass_s(QUIET_S)
    assert settling.take_due() == [photo]


def test_file_of_the_same_size_and_another_time_is_waited_for(
    settling: Settling, clock: Clock, photo: Path
) -> None:
    settling.touch(photo)
    os.utime(photo, ns=(1, 1))
    clock.pass_s(QUIET_S)
    assert settling.take_due() == []

    clock.pass_s(QUIET_S)
    assert settling.take_due() == [photo]


def test_file_that_appears_only_later_is_waited_for(
    settling: Settling, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "late.jpg"
    settling.touch(path)
    path.write_bytes(b"here")
    clock.pass_s(QUIET_S)
    assert settling.take_due() == []

    clock.pass_s(QUIET_S)
    assert settling.take_due() == [path]


def test_file_that_vanishes_is_handed_on_and_forgotten(
    settling: Settling, clock: Clock, photo: Path
) -> None:
    settling.touch(photo)
    photo.unlink()
    clock.pass_s(QUIET_S)
    settling.take_due()
    clock.pass_s(QUIET_S)

    assert settling.take_due() == [photo]
    assert len(settling) == 0


def test_folders_settle_too(settling: Settling, clock: Clock, tmp_path: Path) -> None:
    settling.touch(tmp_path)
    clock.pass_s(QUIET_S)

    assert settling.take_due() == [tmp_path]


def test_files_settle_each_for_itself(settling: Settling, clock: Clock, tmp_path: Path) -> None:
    early, late = tmp_path / "early.jpg", tmp_path / "late.jpg"
    early.touch()
    late.touch()
    settling.touch(early)
    clock.pass_s(1)
    settling.touch(late)

    clock.pass_s(1)
    assert settling.take_due() == [early]
    clock.pass_s(1)
    assert settling.take_due() == [late]


def test_without_a_quiet_time_all_is_due_at_once(clock: Clock, photo: Path) -> None:
    settling = Settling(0.0, clock)
    settling.touch(photo)
    photo.unlink()

    assert settling.take_due() == [photo]


def test_events_from_many_threads_are_all_kept(clock: Clock, tmp_path: Path) -> None:
    settling = Settling(QUIET_S, clock)
    paths = [tmp_path / f"{number}.jpg" for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        taken = pool.submit(lambda: [settling.take_due() for _ in range(50)])
        list(pool.map(settling.touch, paths * 3))

    assert taken.result() == [[]] * 50
    clock.pass_s(QUIET_S)
    assert sorted(settling.take_due()) == sorted(paths)
