"""A disk that is full, folders that go away, and more files at once than the kernel tells of."""

import resource
import signal
import time

import psutil
import pytest

from catalog.db.tables import PhotoState
from tests.faults.conftest import RECOVERY_S, Report, StartFleet
from tests.support.fleet import Fleet, Verdict, expect, judge
from tests.support.kadr import eventually

#: More than the logs of a test, and less than any catalogue.
_FULL_BYTES = 64 * 1024
#: Larger than what the kernel keeps for a watcher that does not read (16,384 events).
_BURST = 50_000


@pytest.mark.faults
def test_a_disk_that_is_full_for_a_while(start_fleet: StartFleet, sqlite_url: str, report: Report):
    fleet = start_fleet(sqlite_url)
    fleet.photos.add(20)
    fleet.watch()
    fleet.work()
    fleet.wait_until_quiet(bound_s=RECOVERY_S)
    limit_files(fleet, _FULL_BYTES)
    fleet.photos.add(60)
    for name in fleet.running:
        fleet.wait_for_line(name, "database_")
    limit_files(fleet, resource.RLIM_INFINITY)

    seconds = fleet.wait_until_quiet(bound_s=RECOVERY_S)

    assert all(process.poll() is None for process in fleet.running.values())
    report("disk full", judge(fleet, expect(fleet.kadr, fleet.photos)), seconds)


@pytest.mark.faults
def test_a_root_that_is_away_while_its_photos_are_tagged(
    start_fleet: StartFleet, sqlite_url: str, report: Report
):
    fleet = start_fleet(sqlite_url)
    fleet.photos.add(100)
    fleet.watch()
    fleet.work()
    eventually(lambda: fleet.count(PhotoState.TAGGED) > 8)
    away = fleet.photos.folder.with_name("away")
    fleet.photos.folder.rename(away)
    fleet.wait_for_line("watcher", "root_unreachable")
    eventually(lambda: fleet.count(PhotoState.LEASED) == 0)
    away.rename(fleet.photos.folder)
    fleet.photos.add(20)

    seconds = fleet.wait_until_quiet(bound_s=RECOVERY_S)

    report("a root unmounted", judge(fleet, expect(fleet.kadr, fleet.photos)), seconds)


@pytest.mark.faults
def test_more_files_at_once_than_the_kernel_tells_of(
    start_fleet: StartFleet, fleet_url: str, report: Report
):
    fleet = start_fleet(fleet_url)
    fleet.photos.folder.mkdir()
    watcher = fleet.watch()
    fleet.wait_for_line("watcher", "Watching")
    watcher.send_signal(signal.SIGSTOP)
    for number in range(_BURST):
        (fleet.photos.folder / f"{number:05}.jpg").write_bytes(b"%d" % number)
    watcher.send_signal(signal.SIGCONT)

    seconds = wait_for_rows(fleet)

    lost = len(fleet.photos.files() ^ fleet.rows())
    report("50,000 files in a burst", Verdict(_BURST, lost, 0, 0), seconds)


def limit_files(fleet: Fleet, size_bytes: int) -> None:
    """Let no process of the fleet write beyond a size of any file: for SQLite its disk is full."""
    for process in fleet.running.values():
        psutil.Process(process.pid).rlimit(
            psutil.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY)
        )


def wait_for_rows(fleet: Fleet) -> float:
    began = time.monotonic()
    eventually(lambda: fleet.count(PhotoState.PENDING) == _BURST, timeout_s=15 * RECOVERY_S)
    return time.monotonic() - began
