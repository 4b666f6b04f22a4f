"""Leases of dead workers whose clock was ahead, or that were taken before a clock was set back."""

from datetime import timedelta

from sqlalchemy import select

from catalog.db.database import Database
from catalog.db.tables import Photo
from catalog.photos import lifecycle
from tests.support.catalogue import NOW, add_photos
from worker.queue.doorbell import Doorbell
from worker.queue.leases import Leases


def test_a_lease_that_stays_the_same_for_twice_its_time_is_dead():
    now, ends = 0.0, {"a": NOW, "b": NOW}
    leases = Leases(60, clock=lambda: now)
    assert leases.find_dead(ends) == []
    now = 100.0
    ends["b"] = NOW + timedelta(seconds=100)
    assert leases.find_dead(ends) == []

    now = 121.0

    assert leases.find_dead(ends) == ["a"]
    now = 400.0
    assert leases.find_dead({}) == leases.find_dead(ends) == []


def test_a_sweep_frees_what_a_dead_worker_with_a_clock_ahead_had_leased(database: Database):
    with database.write() as session:
        photo_ids = add_photos(session, "a.jpg", "b.jpg")
        far = NOW + timedelta(days=40_000)
        lifecycle.claim_photos(session, photo_ids[:1], limit=1, lease_s=60, now=far)
    now, sent = 0.0, list[int]()
    doorbell = Doorbell(
        sent.extend, 10, is_queue_empty=lambda: True, leases=Leases(60, clock=lambda: now)
    )

    doorbell.sweep(database)
    assert photo_ids[0] not in sent
    now = 121.0
    doorbell.sweep(database)

    assert photo_ids[0] in sent


def test_a_photo_that_a_set_clock_made_due_in_days_is_due_now(database: Database):
    with database.write() as session:
        photo_ids = add_photos(session, "a.jpg")
        lifecycle.mark_rung(session, photo_ids, now=NOW + timedelta(days=2))

        assert lifecycle.sweep(session, now=NOW) == photo_ids

        due_at = session.scalars(select(Photo.due_at)).one()
        assert due_at == NOW + timedelta(seconds=lifecycle.RING_AGAIN_S)
