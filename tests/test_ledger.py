"""Identity and places: the content is the photo, a path is where it lies."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from catalog import ledger
from catalog.database import Database
from catalog.errors import NotFoundError
from catalog.models import Photo, PhotoEvent, PhotoFile, PhotoTag
from tests.catalogue import NOW, add_photos, seen, tag_photo


def history(session, photo_id):
    query = select(PhotoEvent.kind).where(PhotoEvent.photo_id == photo_id).order_by(PhotoEvent.id)
    return list(session.scalars(query))


def register(session, *files):
    root_id = ledger.register_root(session, Path("/photos")).id
    return root_id, ledger.register_files(session, root_id, files, now=NOW)


def test_new_files_become_pending_photos_to_ring_for(database: Database):
    with database.write() as session:
        _, photo_ids = register(session, seen("a.jpg"), seen("b.jpg"))

        assert len(photo_ids) == 2
        assert history(session, photo_ids[0]) == ["added"]


def test_a_copy_is_the_same_photo(database: Database):
    with database.write() as session:
        _, first = register(session, seen("a.jpg", "same"))
        tag_photo(session, first[0], {"dog": 0.9})

        _, rung = register(session, seen("copy/a.jpg", "same"))

        assert rung == []
        assert session.scalar(select(func.count()).select_from(Photo)) == 1
        assert session.scalar(select(func.count()).select_from(PhotoFile)) == 2
        assert history(session, first[0]) == ["added", "tagged", "copied"]


def test_renamed_file_keeps_its_tags(database: Database):
    with database.write() as session:
        root_id, (photo_id,) = register(session, seen("a.jpg", "x"))
        tag_photo(session, photo_id, {"dog": 0.9})

        ledger.mark_missing(session, root_id, ["a.jpg"], now=NOW)
        _, rung = register(session, seen("b.jpg", "x"))

        assert rung == []
        assert session.scalar(select(func.count()).select_from(PhotoTag)) == 1
        assert history(session, photo_id) == ["added", "tagged", "missing", "moved"]


def test_a_changed_file_becomes_another_photo(database: Database):
    with database.write() as session:
        _, (old,) = register(session, seen("a.jpg", "old"))
        _, (new,) = register(session, seen("a.jpg", "new", mtime_ns=2))

        assert new != old
        assert session.scalars(select(PhotoFile.photo_id)).all() == [new]


def test_a_file_that_comes_back_is_no_longer_missing(database: Database):
    with database.write() as session:
        root_id, (photo_id,) = register(session, seen("a.jpg"))
        assert ledger.mark_missing(session, root_id, ["a.jpg"], now=NOW) == 1

        register(session, seen("a.jpg"))

        assert not ledger.find_known(session, root_id, ["a.jpg"])["a.jpg"].is_missing
        assert history(session, photo_id) == ["added", "missing", "returned"]


def test_a_deleted_folder_takes_only_what_lay_below_it(database: Database):
    with database.write() as session:
        root_id, _ = register(session, seen("a_b/1.jpg"), seen("a_b/c/2.jpg"), seen("axb/3.jpg"))

        assert ledger.mark_folder_missing(session, root_id, "a_b", now=NOW) == 2

        assert not ledger.find_known(session, root_id, ["axb/3.jpg"])["axb/3.jpg"].is_missing


def test_marking_twice_marks_once(database: Database):
    with database.write() as session:
        root_id, (photo_id,) = register(session, seen("a.jpg"))
        ledger.mark_missing(session, root_id, ["a.jpg"], now=NOW)

        later = NOW + timedelta(hours=1)
        assert ledger.mark_missing(session, root_id, ["a.jpg"], now=later) == 0
        assert history(session, photo_id) == ["added", "missing"]


def test_a_photo_with_a_copy_left_is_not_missing(database: Database):
    with database.write() as session:
        root_id, (photo_id,) = register(session, seen("a.jpg", "x"), seen("b.jpg", "x"))

        ledger.mark_missing(session, root_id, ["a.jpg"], now=NOW)

        assert "missing" not in history(session, photo_id)


def test_an_unreadable_file_is_known_with_its_reason(database: Database):
    unreadable = ledger.SeenFile("a.jpg", ledger.FileStat(1, 1), None, "permission denied")
    with database.write() as session:
        root_id, rung = register(session, unreadable)

        assert rung == []
        known = ledger.find_known(session, root_id, ["a.jpg"])["a.jpg"]
        assert known.photo_id is None
        assert session.scalars(select(PhotoFile.failure)).one() == "permission denied"


def test_registering_again_changes_nothing(database: Database):
    with database.write() as session:
        first = add_photos(session, "a.jpg", "b.jpg")
        assert add_photos(session, "a.jpg", "b.jpg") == first
        assert session.scalar(select(func.count()).select_from(PhotoEvent)) == 2


def test_roots_of_one_folder_name_get_names_of_their_own(database: Database):
    with database.write() as session:
        names = [ledger.register_root(session, Path(p)).name for p in ("/a/x", "/b/x", "/a/x")]

        assert names == ["x", "x-2", "x"]


def test_an_unknown_root_is_named_with_those_there_are(database: Database):
    with database.write() as session:
        ledger.register_root(session, Path("/a/holiday"))

        with pytest.raises(NotFoundError, match="there are: holiday"):
            ledger.get_root(session, "holidays")
