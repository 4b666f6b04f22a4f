"""A PostgreSQL that is killed, cut off, deadlocked or absent: the fleet waits, and goes on."""

import threading
import time

import pytest
from sqlalchemy import select, text, update

from catalog.db.tables import Photo, PhotoState
from tests.faults.conftest import RECOVERY_S, Report, StartFleet
from tests.support.fleet import Fleet, expect, judge
from tests.support.kadr import eventually
from tests.support.servers import PostgresServer

#: Pauses between attempts grow to 30 s at a start; the watcher's is 5 s.
BACK_S = 90.0


@pytest.fixture
def fleet(start_fleet: StartFleet, postgres: PostgresServer) -> Fleet:
    """Give a watcher and a worker that are ready and have tagged some photos."""
    fleet = start_fleet(postgres.create_database())
    fleet.photos.add(20)
    fleet.watch()
    fleet.work()
    fleet.wait_until_quiet(bound_s=RECOVERY_S)
    return fleet


def test_a_server_that_is_killed_and_connections_that_are_cut(
    fleet: Fleet, postgres: PostgresServer, report: Report
):
    for fault in (postgres.kill, lambda: cut(fleet, postgres)):
        fleet.photos.add(60)
        known = fleet.count(PhotoState.TAGGED)
        eventually(lambda: fleet.count(PhotoState.TAGGED) > known)  # noqa: B023 - used at once
        fault()
        postgres.start()

    seconds = fleet.wait_until_quiet(bound_s=BACK_S)

    assert all(process.poll() is None for process in fleet.running.values())
    assert "Traceback" not in fleet.logs()
    verdict = judge(fleet, expect(fleet.kadr, fleet.photos))
    report("PostgreSQL killed, then connections cut", verdict, seconds)


@pytest.mark.faults
def test_connections_that_are_cut_again_and_again(
    fleet: Fleet, postgres: PostgresServer, report: Report
):
    for _ in range(30):
        fleet.photos.add(10)
        time.sleep(0.3)
        cut(fleet, postgres)

    seconds = fleet.wait_until_quiet(bound_s=BACK_S)

    assert all(process.poll() is None for process in fleet.running.values())
    verdict = judge(fleet, expect(fleet.kadr, fleet.photos))
    report("connections cut 30 times", verdict, seconds)


@pytest.mark.faults
def test_a_server_that_is_killed_five_times_while_photos_arrive(
    fleet: Fleet, postgres: PostgresServer, report: Report
):
    for _ in range(5):
        fleet.photos.add(40)
        time.sleep(1)
        postgres.kill()
        fleet.photos.add(20)
        time.sleep(1)
        postgres.start()

    seconds = fleet.wait_until_quiet(bound_s=BACK_S)

    assert all(process.poll() is None for process in fleet.running.values())
    verdict = judge(fleet, expect(fleet.kadr, fleet.photos))
    report("PostgreSQL killed five times", verdict, seconds)


@pytest.mark.faults
def test_rows_that_another_program_locks_in_another_order(fleet: Fleet, report: Report):
    """PostgreSQL ends one of two transactions that wait for each other; its work is done again."""
    done = threading.Event()
    thread = threading.Thread(target=lock_backwards, args=(fleet, done))
    thread.start()
    fleet.photos.add(150)
    eventually(lambda: len(fleet.rows()) == 170)
    done.set()
    thread.join()

    seconds = fleet.wait_until_quiet(bound_s=RECOVERY_S)

    assert all(process.poll() is None for process in fleet.running.values())
    report("deadlocks", judge(fleet, expect(fleet.kadr, fleet.photos)), seconds)


@pytest.mark.faults
def test_a_server_that_comes_after_the_fleet(
    start_fleet: StartFleet, postgres: PostgresServer, report: Report
):
    fleet = start_fleet(postgres.create_database())
    fleet.photos.add(40)
    postgres.kill()
    fleet.watch()
    fleet.work()
    for name in fleet.running:
        fleet.wait_for_line(name, "database_away")
    postgres.start()

    seconds = fleet.wait_until_quiet(bound_s=BACK_S)

    assert "Traceback" not in fleet.logs()
    report("PostgreSQL absent at start", judge(fleet, expect(fleet.kadr, fleet.photos)), seconds)


@pytest.mark.faults
def test_a_server_that_becomes_a_read_only_standby(
    fleet: Fleet, postgres: PostgresServer, report: Report
):
    name = fleet.kadr.settings["KADR_DATABASE_URL"].partition("/kadr_")[2].partition("?")[0]
    postgres.execute(f"ALTER DATABASE kadr_{name} SET default_transaction_read_only = on")
    cut(fleet, postgres)
    fleet.photos.add(40)
    for part in fleet.running:
        fleet.wait_for_line(part, "database_")
    postgres.execute(f"ALTER DATABASE kadr_{name} RESET default_transaction_read_only")
    cut(fleet, postgres)

    seconds = fleet.wait_until_quiet(bound_s=BACK_S)

    assert all(process.poll() is None for process in fleet.running.values())
    verdict = judge(fleet, expect(fleet.kadr, fleet.photos))
    report("PostgreSQL read-only for a while", verdict, seconds)


def cut(fleet: Fleet, server: PostgresServer) -> None:
    """Cut every connection to the fleet's database."""
    server.cut_connections(fleet.kadr.settings["KADR_DATABASE_URL"])


def lock_backwards(fleet: Fleet, done: threading.Event) -> None:
    """Lock photos in falling order until told to stop, as no part of Kadr does."""
    while not done.is_set():
        try:
            with fleet.database.write() as session:
                newest = select(Photo.id).order_by(Photo.id.desc()).limit(20)
                for photo_id in session.scalars(newest).all():
                    change = update(Photo).values(size_bytes=Photo.size_bytes)
                    session.execute(change.where(Photo.id == photo_id))
                session.execute(text("SELECT pg_sleep(0.3)"))
        except Exception:  # noqa: BLE001, S112 - the deadlock is ended on either side
            continue
