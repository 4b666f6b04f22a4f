"""SIGKILL for watchers and workers, at chosen moments and at random ones: nothing lost or twice."""

import random
import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from catalog.db.tables import Photo, PhotoState, Tag
from catalog.tags import decisions
from tests.faults.conftest import RECOVERY_S, Report, StartFleet
from tests.support.fleet import Fleet, expect, find_decoders, judge, read_decisions
from tests.support.kadr import eventually
from tests.support.moments import Moment

#: Where a worker dies, in the order in which a message goes its way.
WORKER_MOMENTS = {
    "while the model loads": Moment("worker.tagging.tagger:load", after=False),
    "between model and first claim": Moment("worker.tagging.tagger:register"),
    "claimed, not committed": Moment("catalog.photos.lifecycle:claim_photos"),
    "after a claim": Moment("worker.tagging.heartbeat:Heartbeat.keep", call=2),
    "before recording": Moment("worker.tagging.pipeline:Pipeline._record", after=False),
    "recorded, not committed": Moment("catalog.photos.lifecycle:mark_tagged", call=2),
    "after a commit": Moment("worker.tagging.pipeline:Pipeline._record", call=2),
    "before the message is acknowledged": Moment("worker.queue.tasks:asdict"),
}
#: Where a watcher dies, between an event and the message about its row.
WATCHER_MOMENTS = {
    "event, no row": Moment("worker.watch.ingest:take_files", after=False),
    "row, not committed": Moment("worker.watch.ingest:lifecycle.mark_rung"),
    "committed, no message": Moment("worker.queue.doorbell:Doorbell._ring", after=False),
    "after the message": Moment("worker.queue.doorbell:Doorbell._ring"),
}

UNFINISHED = (PhotoState.PENDING, PhotoState.LEASED)


def test_processes_die_at_every_chosen_moment(
    start_fleet: StartFleet, fleet_url: str, report: Report
):
    fleet = start_fleet(fleet_url)
    for moment in WATCHER_MOMENTS.values():
        fleet.photos.add(20)
        fleet.watch("watcher", moment)
        assert fleet.wait_for_death("watcher") == -9
    fleet.watch()
    for moment in WORKER_MOMENTS.values():
        fleet.photos.add(20)
        fleet.work("worker", moment)
        assert fleet.wait_for_death("worker") == -9
    fleet.work()

    seconds = fleet.wait_until_quiet(bound_s=RECOVERY_S)

    verdict = judge(fleet, expect(fleet.kadr, fleet.photos))
    report(f"killed at {len(WATCHER_MOMENTS) + len(WORKER_MOMENTS)} moments", verdict, seconds)


@pytest.mark.faults
def test_a_hundred_kills_at_random(
    start_fleet: StartFleet, fleet_url: str, rng: random.Random, report: Report
):
    fleet = start_fleet(fleet_url)
    fleet.photos.add(40)
    names = ["watcher", "worker-1", "worker-2", "worker-3"]
    for name in names:
        fleet.restart(name)
    eventually(lambda: fleet.count(PhotoState.TAGGED) > 10)
    decided = decide(fleet)

    for kill in range(100):
        fleet.photos.add(20)
        time.sleep(rng.uniform(0, 1.5))
        if kill % 8 == 0:  # not only while they start
            left = fleet.count(*UNFINISHED) - rng.randrange(20)
            eventually(lambda: fleet.count(*UNFINISHED) <= max(left, 0))  # noqa: B023 - used at once
        victim = rng.choice(names)
        fleet.kill(victim)
        fleet.restart(victim)
    seconds = fleet.wait_until_quiet(bound_s=10 * RECOVERY_S)

    assert read_decisions(fleet.database) == decided
    verdict = judge(fleet, expect(fleet.kadr, fleet.photos))
    report("100 kills at random", verdict, seconds)
    fleet.close()
    eventually(lambda: not find_decoders(fleet.kadr.cwd), timeout_s=10)


def decide(fleet: Fleet) -> set[tuple[bytes, str, str]]:
    """Decide about keywords of some tagged photos as a person does, and return what was decided."""
    with fleet.database.write() as session:
        tagged = select(Photo.id).where(Photo.state == PhotoState.TAGGED).limit(8)
        photo_ids = list(session.scalars(tagged))
        first, second = session.scalars(select(Tag.name).order_by(Tag.name).limit(2))
        now = datetime.now(UTC)
        decisions.confirm(session, photo_ids, [first], now=now)
        decisions.reject(session, photo_ids, [second], now=now)
        decisions.add(session, photo_ids, ["grandmother"], now=now)
    return read_decisions(fleet.database)
