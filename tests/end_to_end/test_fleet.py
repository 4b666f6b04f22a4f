"""A fleet whose parts die: nothing is lost and nothing is tagged twice."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import func, select

from catalog.db import database as databases
from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoEvent, PhotoState
from tests.support.kadr import PATIENCE_S, Kadr, eventually

#: Many batches of 8, so that a worker is in the middle when it ends.
_PHOTOS = 160


@pytest.fixture
def fleet(
    tmp_path: Path,
    tagger_settings: dict[str, str],
    redis_url: str,
    postgresql_databases: Callable[[], str],
) -> Kadr:
    """Return `kadr` on Redis and PostgreSQL, with short leases."""
    settings = tagger_settings | {
        "KADR_DATABASE_URL": postgresql_databases(),
        "KADR_BROKER_URL": redis_url,
        "KADR_LEASE_S": "5",
        "KADR_BATCH_SIZE": "8",
        "KADR_RING_SIZE": "50",
    }
    kadr = Kadr(settings, tmp_path)
    assert kadr.run("db", "upgrade").returncode == 0
    return kadr


def test_a_worker_that_is_killed_loses_nothing_and_nothing_is_tagged_twice(
    fleet: Kadr, tmp_path: Path
):
    folder = tmp_path / "photos"
    folder.mkdir()
    make_photos(folder)
    database = databases.open_database(fleet.settings["KADR_DATABASE_URL"], upgrade=False)

    with fleet.running("watch", str(folder), "-q", ready="Watching"):
        with fleet.running("worker", "-n", "first@%h", ready="ready") as worker:
            eventually(lambda: count(database, PhotoState.TAGGED) >= 8)
            worker.kill()
        left = count(database, PhotoState.PENDING) + count(database, PhotoState.LEASED)
        with fleet.running("worker", "-n", "second@%h", ready="ready"):
            eventually(lambda: count(database, PhotoState.TAGGED) == _PHOTOS)

    assert left > 0
    with database.read() as session:
        times = session.scalars(
            select(func.count()).where(PhotoEvent.kind == "tagged").group_by(PhotoEvent.photo_id)
        ).all()
    assert set(times) == {1}
    assert len(times) == _PHOTOS
    database.close()


def test_photos_wait_for_the_first_worker(fleet: Kadr, tmp_path: Path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (60, 40), "red").save(folder / "red.jpg")
    database = databases.open_database(fleet.settings["KADR_DATABASE_URL"], upgrade=False)

    with fleet.running("watch", str(folder), ready="No worker answers yet"):
        eventually(lambda: count(database, PhotoState.PENDING) == 1)
        with fleet.running("worker", ready="ready"):
            eventually(lambda: count(database, PhotoState.TAGGED) == 1)
    database.close()


def test_a_worker_that_is_told_to_stop_gives_its_photos_back(fleet: Kadr, tmp_path: Path):
    folder = tmp_path / "photos"
    folder.mkdir()
    make_photos(folder)
    database = databases.open_database(fleet.settings["KADR_DATABASE_URL"], upgrade=False)

    with (
        fleet.running("watch", str(folder), "-q", ready="Watching"),
        fleet.running("worker", ready="ready") as worker,
    ):
        eventually(lambda: count(database, PhotoState.TAGGED) >= 8)
        worker.terminate()
        worker.wait(PATIENCE_S)

    assert count(database, PhotoState.LEASED) == 0
    assert count(database, PhotoState.PENDING) > 0
    database.close()


def make_photos(folder: Path) -> None:
    for n in range(_PHOTOS):
        Image.new("RGB", (320, 240), (n, 60, 90)).save(folder / f"{n:03}.png", compress_level=1)


def count(database: Database, state: PhotoState) -> int:
    with database.read() as session:
        return session.scalar(select(func.count(Photo.id)).where(Photo.state == state)) or 0
