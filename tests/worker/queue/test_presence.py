"""A process that tags is seen, and forgotten when it ends."""

from datetime import UTC, datetime, timedelta

from catalog.db.database import Database
from catalog.photos import workers
from worker.queue.presence import Presence
from worker.tagging.stages import Stages

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_a_process_is_seen_until_it_ends(database: Database):
    clock = [NOW]
    presence = Presence(database, clock=lambda: clock[0])
    presence.step()
    clock[0] = NOW + timedelta(seconds=30)
    presence.step()

    with database.read() as session:
        [seen] = workers.find(session, clock[0])
        assert (seen.name, seen.started_at, seen.seen_at) == (presence.name, NOW, clock[0])
        assert workers.find(session, NOW + timedelta(hours=2)) == []

    presence.finish()
    with database.read() as session:
        assert workers.find(session, clock[0]) == []


def test_a_process_reports_how_long_its_stages_took(database: Database):
    stages = Stages()
    presence = Presence(database, stages.read, clock=lambda: NOW)
    for _ in range(2):
        with stages.timed("encode"):
            pass
    presence.step()

    with database.read() as session:
        [seen] = workers.find(session, NOW)
    assert seen.stages["encode"]["count"] == 2
    assert seen.stages["encode"]["seconds"] >= 0
