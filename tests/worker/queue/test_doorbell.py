"""A message that cannot be sent costs a delay, whatever the broker's client raises."""

from datetime import UTC, datetime

import pytest
from kombu.exceptions import OperationalError
from sqlalchemy import select

from catalog.db.database import Database
from catalog.db.tables import Photo
from tests.support.catalogue import add_photos
from worker.queue.doorbell import Doorbell


@pytest.mark.parametrize("error", [OperationalError("refused"), AttributeError("client")])
def test_a_message_that_is_lost_is_due_in_the_next_sweep(
    database: Database, error: Exception
) -> None:
    with database.write() as session:
        add_photos(session, "a.jpg")

    def fail(_: list[int]) -> None:
        raise error

    doorbell = Doorbell(fail, 10, is_queue_empty=lambda: True)

    assert doorbell.ring([1]) is False
    assert doorbell.sweep(database) == 0
    with database.read() as session:
        assert session.scalars(select(Photo.due_at)).one() <= datetime.now(UTC)
