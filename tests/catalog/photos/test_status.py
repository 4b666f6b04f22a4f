"""Numbers of the whole catalogue: cheap ones, that agree with those that look at each file."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoEvent, PhotoFile, PhotoState
from catalog.photos import roots, status
from catalog.photos.history import EventKind
from tests.support.catalogue import NOW, add_photos, tag_photo


def test_the_whole_catalogue_is_counted_as_all_its_roots_are(database: Database) -> None:
    with database.write() as session:
        tagged, waiting, _, gone, broken = add_photos(session, *"abcde")
        tag_photo(session, tagged, {"dog": 0.9})
        _set(session, waiting, failure="changing")
        _set(session, gone, missing_since=NOW)
        _set(session, broken, state=PhotoState.QUARANTINED, failure="cut off")
        of_gone = update(PhotoFile).where(PhotoFile.photo_id == gone)
        session.execute(of_gone.values(missing_since=NOW))

        whole = status.count_states(session)
        of_roots = status.count_states(session, [each.id for each in roots.list_roots(session)])

        assert whole == status.Counts(pending=2, waiting=1, tagged=1, quarantined=1, missing=1)
        assert of_roots == status.Counts(pending=2, waiting=1, tagged=1, quarantined=1)
        [failure] = status.find_failures(session)
        assert (failure.photo_id, failure.reason) == (broken, "cut off")


def test_the_rate_is_that_of_the_last_minutes_or_of_the_last_events(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as session:
        [photo_id] = add_photos(session, "a")
        for seconds in (1000, 200, 30, 20):
            at = NOW - timedelta(seconds=seconds)
            session.add(PhotoEvent(photo_id=photo_id, at=at, kind=EventKind.TAGGED))
            session.flush()

        assert status.get_rate(session, NOW) == pytest.approx(3 / 300)
        monkeypatch.setattr(status, "RATE_EVENTS", 2)
        assert status.get_rate(session, NOW) == pytest.approx(2 / 30)


def _set(session, photo_id, **values):
    session.execute(update(Photo).where(Photo.id == photo_id).values(**values))
