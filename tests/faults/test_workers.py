"""Workers that are late, many, or have the wrong weights, and clocks that are set."""

import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from catalog.db.tables import Photo, PhotoState
from tests.faults.conftest import RECOVERY_S, Report, StartFleet
from tests.support.fleet import expect, judge
from tests.support.kadr import eventually
from tests.support.moments import Moment

#: Right after its second claim, with photos of the first one not yet recorded.
WITH_CLAIMS = "worker.tagging.heartbeat:Heartbeat.keep"


@pytest.mark.faults
def test_a_worker_that_was_frozen_comes_back_when_others_have_its_photos(
    start_fleet: StartFleet, fleet_url: str, report: Report
):
    fleet = start_fleet(fleet_url)
    fleet.photos.add(60)
    fleet.watch()
    late = fleet.work("late", Moment(WITH_CLAIMS, call=2, signal="SIGSTOP"))
    eventually(lambda: fleet.count(PhotoState.LEASED) > 8)
    fleet.work()

    seconds = fleet.wait_until_quiet(bound_s=RECOVERY_S)
    late.send_signal(signal.SIGCONT)
    fleet.photos.add(20)  # and it goes on to work
    fleet.kill("worker")
    fleet.wait_until_quiet(bound_s=RECOVERY_S)

    verdict = judge(fleet, expect(fleet.kadr, fleet.photos))
    report("a frozen worker with dead leases", verdict, seconds)


@pytest.mark.faults
def test_leases_that_end_in_a_day_because_a_clock_was_set_back(
    start_fleet: StartFleet, sqlite_url: str, report: Report
):
    fleet = start_fleet(sqlite_url)
    fleet.photos.add(60)
    fleet.watch()
    fleet.work(moment=Moment(WITH_CLAIMS, call=2))
    fleet.wait_for_death("worker")
    assert fleet.count(PhotoState.LEASED) > 0
    with fleet.database.write() as session:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        unfinished = Photo.state.in_([PhotoState.PENDING, PhotoState.LEASED])
        session.execute(update(Photo).where(unfinished).values(due_at=tomorrow))
    fleet.work()

    seconds = fleet.wait_until_quiet(bound_s=RECOVERY_S)

    report("clock set back by a day", judge(fleet, expect(fleet.kadr, fleet.photos)), seconds)


@pytest.mark.faults
def test_eight_writers(start_fleet: StartFleet, fleet_url: str, report: Report):
    fleet = start_fleet(fleet_url)
    fleet.photos.add(400)
    for number in range(2):
        fleet.watch(f"watcher-{number}")
    for number in range(6):
        fleet.work(f"worker-{number}")

    seconds = fleet.wait_until_quiet(bound_s=4 * RECOVERY_S)

    assert all(process.poll() is None for process in fleet.running.values())
    report("eight writers", judge(fleet, expect(fleet.kadr, fleet.photos)), seconds)


@pytest.mark.faults
def test_weights_that_are_others_half_or_a_pickle(
    start_fleet: StartFleet, sqlite_url: str, tiny_model: Path, tmp_path: Path, report: Report
):
    from tests.support.models import make_tiny_model

    folder = tmp_path / "weights"
    shutil.copytree(tiny_model, folder)
    fleet = start_fleet(sqlite_url, KADR_MODEL=f"local-dir:{folder}")
    fleet.photos.add(20)
    fleet.watch()
    fleet.work()
    fleet.wait_until_quiet(bound_s=RECOVERY_S)
    file = folder / "open_clip_model.safetensors"
    other = make_tiny_model(tmp_path / "other", seed=1) / file.name
    half = file.read_bytes()[: file.stat().st_size // 2]
    for wrong in (other.read_bytes(), half, b"\x80\x04cos\nsystem\n(S'true'\ntR."):
        fleet.kill("worker")
        file.write_bytes(wrong)
        fleet.photos.add(10)
        fleet.work()
        fleet.wait_for_line("worker", "tagging_failed")
    assert fleet.count(PhotoState.PENDING) >= 20
    shutil.copy(tiny_model / file.name, file)

    seconds = fleet.wait_until_quiet(bound_s=RECOVERY_S)

    verdict = judge(fleet, expect(fleet.kadr, fleet.photos))
    report("weights of another digest, half, a pickle", verdict, seconds)
