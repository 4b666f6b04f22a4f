"""Fixtures of the tests that break a whole fleet, their seed, and the table that they end in."""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.fleet import Fleet, Photos, Verdict
from tests.support.kadr import Kadr
from tests.support.servers import PostgresServer, RedisServer

#: `make faults SEED=...` repeats a run.
SEED = int(os.environ.get("FAULTS_SEED") or time.time_ns() % 1_000_000)

#: Short leases and sweeps, so that a test need not wait for a minute; batches small enough that a
#: worker dies in the middle of its message.
_QUICK = {"KADR_LEASE_S": "5", "KADR_SWEEP_S": "1", "KADR_BATCH_SIZE": "8", "KADR_RING_SIZE": "50"}
#: A worker that dies is replaced at once: its lease ends, the sweep finds that, another one works.
RECOVERY_S = 60.0

Report = Callable[[str, Verdict, float], None]
StartFleet = Callable[..., Fleet]


def pytest_report_header() -> str:
    return f"faults: SEED={SEED}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "fault"
    ]
    if lines:
        terminalreporter.section(f"faults, SEED={SEED}")
        for line in ["| fault | tried | lost | put aside wrongly | twice | seconds |", *lines]:
            terminalreporter.write_line(str(line))


@pytest.fixture
def seed() -> int:
    """Give the seed of this run; a test that fails shows it."""
    print(f"repeat with: make faults SEED={SEED}")  # noqa: T201 - shown when the test fails
    return SEED


@pytest.fixture
def rng(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """Give random numbers that the seed and the test's name decide."""
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Report:
    """Give a function that notes how a fault ended and fails the test if it did harm."""

    def note(fault: str, verdict: Verdict, seconds: float) -> None:
        record_property(
            "fault",
            f"| {fault} | {verdict.tried} | {verdict.lost} | {verdict.aside} "
            f"| {verdict.twice} | {seconds:.1f} |",
        )
        assert verdict.is_good, verdict

    return note


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Give a PostgreSQL that tests may kill; it runs again at the end of each."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """Give a Redis that the test may kill."""
    server = RedisServer()
    server.start()
    yield server
    server.close()


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.faults), "postgresql"])
def fleet_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give an empty database for a fleet: of both kinds in the long form, else PostgreSQL's."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'kadr.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@pytest.fixture
def start_fleet(
    tmp_path: Path, tagger_settings: dict[str, str], redis_server: RedisServer, seed: int
) -> Iterator[StartFleet]:
    """Give a function that makes a fleet on a database; it is ended with the test."""
    fleets: list[Fleet] = []

    def start(url: str, **changes: str) -> Fleet:
        settings = tagger_settings | _QUICK | {"KADR_BROKER_URL": redis_server.url} | changes
        kadr = Kadr(settings | {"KADR_DATABASE_URL": url}, tmp_path)
        assert kadr.run("db", "upgrade").returncode == 0
        fleets.append(Fleet(kadr, Photos(tmp_path / "photos", seed)))
        return fleets[-1]

    yield start
    for fleet in fleets:
        fleet.close()
