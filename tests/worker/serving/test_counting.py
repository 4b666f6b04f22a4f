"""New words of decisions are counted where no photo is tagged meanwhile."""

from datetime import UTC, datetime

from sqlalchemy import select, update

from catalog.db.database import Database
from catalog.db.tables import Tag
from catalog.tags import decisions
from tests.support import catalogue
from worker.serving.counting import Counter

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def photos_of(database: Database, word: str) -> int | None:
    with database.read() as session:
        return session.scalar(select(Tag.photos).where(Tag.key == word))


def test_words_are_counted_after_decisions_and_not_all_the_time(database: Database):
    now = [100.0]
    counter = Counter(database, clock=lambda: now[0])
    with database.write() as session:
        ids = catalogue.add_photos(session, "a.jpg", "b.jpg")
        decisions.add(session, ids, ["kite"], now=NOW)

    counter.step()

    assert photos_of(database, "kite") == 2
    with database.write() as session:
        decisions.remove(session, ids[:1], ["kite"], now=NOW)
        session.execute(update(Tag).values(photos=7))
    counter._pause_until = now[0] + 60  # counting took a second
    counter.step()
    assert photos_of(database, "kite") == 7
    now[0] += 61
    counter.step()
    assert photos_of(database, "kite") == 1


def test_a_catalogue_in_which_nothing_happens_is_not_counted(database: Database):
    counter = Counter(database)
    with database.write() as session:
        ids = catalogue.add_photos(session, "a.jpg")
        decisions.add(session, ids, ["kite"], now=NOW)
    counter.step()
    with database.write() as session:
        session.execute(update(Tag).values(photos=7))

    counter.step()

    assert photos_of(database, "kite") == 7
