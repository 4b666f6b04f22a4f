"""A Redis that dies, is emptied, paused, full or absent: messages are lost, photos are not."""

import signal
import time
from collections.abc import Callable

import pytest

from catalog.db.tables import PhotoState
from tests.faults.conftest import RECOVERY_S, Report, StartFleet
from tests.support.fleet import Fleet, expect, judge
from tests.support.kadr import eventually
from tests.support.servers import RedisServer

#: A client notices a server that does not answer after 10 s, and tries again with growing pauses.
NOTICED_S = 90.0


@pytest.fixture
def fleet(start_fleet: StartFleet, sqlite_url: str) -> Fleet:
    """Give a watcher and a worker that are ready and have tagged some photos."""
    fleet = start_fleet(sqlite_url)
    fleet.photos.add(20)
    start(fleet)
    fleet.wait_until_quiet(bound_s=RECOVERY_S)
    return fleet


def start(fleet: Fleet) -> None:
    fleet.watch()
    fleet.work()
    fleet.wait_for_line("watcher", "Watching")
    fleet.wait_for_line("worker", "ready")


def test_a_redis_that_is_emptied_and_killed(
    fleet: Fleet, redis_server: RedisServer, report: Report
):
    for fault in (redis_server.client.flushall, redis_server.kill):
        lose_messages(fleet, fault)
    redis_server.start()

    seconds = fleet.wait_until_quiet(bound_s=NOTICED_S)

    report("Redis emptied, then killed", judge(fleet, expect(fleet.kadr, fleet.photos)), seconds)


@pytest.mark.faults
def test_an_emptied_redis_costs_a_sweep_of_ten_seconds(
    start_fleet: StartFleet, sqlite_url: str, redis_server: RedisServer, report: Report
):
    fleet = start_fleet(sqlite_url, KADR_SWEEP_S="10")
    fleet.photos.add(20)
    start(fleet)
    fleet.wait_until_quiet(bound_s=RECOVERY_S)
    lose_messages(fleet, redis_server.client.flushall)

    seconds = fleet.wait_until_quiet(bound_s=15)

    report("Redis emptied", judge(fleet, expect(fleet.kadr, fleet.photos)), seconds)


@pytest.mark.faults
def test_a_redis_that_is_killed_while_photos_arrive(
    fleet: Fleet, redis_server: RedisServer, report: Report
):
    for _ in range(5):
        fleet.photos.add(40)
        known = fleet.count(PhotoState.TAGGED)
        eventually(lambda: fleet.count(PhotoState.TAGGED) > known)  # noqa: B023 - used at once
        redis_server.kill()
        fleet.photos.add(20)
        time.sleep(0.5)  # some of them are registered without a server
        redis_server.start()

    seconds = fleet.wait_until_quiet(bound_s=NOTICED_S)

    report("Redis killed five times", judge(fleet, expect(fleet.kadr, fleet.photos)), seconds)


@pytest.mark.faults
def test_a_redis_that_is_paused(fleet: Fleet, redis_server: RedisServer, report: Report):
    redis_server.pause()
    fleet.photos.add(40)
    eventually(lambda: len(fleet.rows()) == len(fleet.photos.files()))
    redis_server.go_on()

    seconds = fleet.wait_until_quiet(bound_s=NOTICED_S)

    report("Redis paused", judge(fleet, expect(fleet.kadr, fleet.photos)), seconds)


@pytest.mark.faults
def test_a_redis_that_is_full(fleet: Fleet, redis_server: RedisServer, report: Report):
    redis_server.client.config_set("maxmemory", "1")
    fleet.photos.add(40)
    eventually(lambda: len(fleet.rows()) == len(fleet.photos.files()))
    eventually(lambda: "broker_away" in fleet.log("watcher"))
    redis_server.client.config_set("maxmemory", "0")

    seconds = fleet.wait_until_quiet(bound_s=NOTICED_S)

    assert all(process.poll() is None for process in fleet.running.values())
    report("Redis full", judge(fleet, expect(fleet.kadr, fleet.photos)), seconds)


@pytest.mark.faults
def test_a_redis_that_is_full_while_messages_wait(
    fleet: Fleet, redis_server: RedisServer, report: Report
):
    """A worker that takes a message notes it in Redis first, which refuses that."""

    def fill() -> None:
        redis_server.client.config_set("maxmemory", "1")

    lose_messages(fleet, fill)
    eventually(lambda: "broker_away" in fleet.log("worker"))
    redis_server.client.config_set("maxmemory", "0")

    seconds = fleet.wait_until_quiet(bound_s=NOTICED_S)

    assert all(process.poll() is None for process in fleet.running.values())
    verdict = judge(fleet, expect(fleet.kadr, fleet.photos))
    report("Redis full, messages waiting", verdict, seconds)


@pytest.mark.faults
def test_a_redis_that_comes_after_the_fleet(
    start_fleet: StartFleet, sqlite_url: str, redis_server: RedisServer, report: Report
):
    fleet = start_fleet(sqlite_url)
    fleet.photos.add(40)
    redis_server.kill()
    fleet.watch()
    fleet.work()
    for name in fleet.running:
        fleet.wait_for_line(name, "broker_away")
    redis_server.start()

    seconds = fleet.wait_until_quiet(bound_s=NOTICED_S)

    assert "Traceback" not in fleet.logs()
    report("Redis absent at start", judge(fleet, expect(fleet.kadr, fleet.photos)), seconds)


def lose_messages(fleet: Fleet, fault: Callable[[], object]) -> None:
    """Let a fault come while messages wait for a worker that is held up."""
    held = fleet.running["worker"]
    held.send_signal(signal.SIGSTOP)
    fleet.photos.add(120)
    eventually(lambda: len(fleet.rows()) == len(fleet.photos.files()))
    fault()
    held.send_signal(signal.SIGCONT)
