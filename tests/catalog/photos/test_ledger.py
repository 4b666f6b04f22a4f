"""Identity and places: the content is the photo, a path is where it lies."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from catalog import paths
from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoEvent, PhotoFile, PhotoTag
from catalog.photos import files as photo_files
from catalog.photos import roots
from tests.support.catalogue import NOW, add_photos, seen, tag_photo


def history(session, photo_id):
    query = select(PhotoEvent.kind).where(PhotoEvent.photo_id == photo_id).order_by(PhotoEvent.id)
    return list(session.scalars(query))


def register(session, *files):
    root_id = roots.register_root(session, Path("/photos")).id
    return root_id, list(photo_files.register_files(session, root_id, files, now=NOW).pending)


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

        photo_files.mark_missing(session, root_id, ["a.jpg"], now=NOW)
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
        assert photo_files.mark_missing(session, root_id, ["a.jpg"], now=NOW) == 1

        register(session, seen("a.jpg"))

        assert not photo_files.find_known(session, root_id, ["a.jpg"])["a.jpg"].is_missing
        assert history(session, photo_id) == ["added", "missing", "returned"]


def test_a_deleted_folder_takes_only_what_lay_below_it(database: Database):
    with database.write() as session:
        root_id, _ = register(session, seen("a_b/1.jpg"), seen("a_b/c/2.jpg"), seen("axb/3.jpg"))

        assert photo_files.mark_folder_missing(session, root_id, "a_b", now=NOW) == 2

        assert not photo_files.find_known(session, root_id, ["axb/3.jpg"])["axb/3.jpg"].is_missing


def test_marking_twice_marks_once(database: Database):
    with database.write() as session:
        root_id, (photo_id,) = register(session, seen("a.jpg"))
        photo_files.mark_missing(session, root_id, ["a.jpg"], now=NOW)

        later = NOW + timedelta(hours=1)
        assert photo_files.mark_missing(session, root_id, ["a.jpg"], now=later) == 0
        assert history(session, photo_id) == ["added", "missing"]


def test_a_photo_with_a_copy_left_is_not_missing(database: Database):
    with database.write() as session:
        root_id, (photo_id,) = register(session, seen("a.jpg", "x"), seen("b.jpg", "x"))

        photo_files.mark_missing(session, root_id, ["a.jpg"], now=NOW)

        assert "missing" not in history(session, photo_id)


def are_here(session) -> dict[int, tuple[bool, bool]]:
    """Return, for each photo, whether it is noted to lie somewhere, and whether a file says so."""
    lying = set(
        session.scalars(select(PhotoFile.photo_id).where(PhotoFile.missing_since.is_(None)))
    )
    noted = session.execute(select(Photo.id, Photo.missing_since))
    return {photo_id: (gone is None, photo_id in lying) for photo_id, gone in noted}


names = st.sampled_from(["a.jpg", "b.jpg", "d/c.jpg"])


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(names, st.sampled_from(["x", "y", "gone", "folder gone"])), max_size=12))
def test_a_photo_is_missing_exactly_while_none_of_its_files_is_there(
    database: Database, steps: list[tuple[str, str]]
):
    with database.write() as session:
        for table in (PhotoEvent, PhotoFile, Photo):
            session.execute(delete(table))
        root_id, _ = register(session)
        for number, (name, what) in enumerate(steps):
            if what == "gone":
                photo_files.mark_missing(session, root_id, [name], now=NOW)
            elif what == "folder gone":
                photo_files.mark_folder_missing(session, root_id, "d", now=NOW)
            else:
                register(session, seen(name, what, mtime_ns=number))

        assert [noted for noted, lies in are_here(session).values() if noted != lies] == []


@pytest.mark.parametrize("is_copied_first", [True, False])
def test_a_photo_that_is_copied_while_its_file_goes_is_not_missing(
    database: Database, *, is_copied_first: bool
):
    with database.write() as session:
        root_id, _ = register(session, seen("a.jpg", "x"))

    def copy(session):
        register(session, seen("b.jpg", "x"))

    def go(session):
        photo_files.mark_missing(session, root_id, ["a.jpg"], now=NOW)

    def do_second():
        with database.write() as other:
            second(other)

    first, second = (copy, go) if is_copied_first else (go, copy)
    beside = threading.Thread(target=do_second)
    with database.write() as session:
        first(session)
        beside.start()
        beside.join(0.3)  # it waits for this transaction
    beside.join()

    with database.read() as session:
        assert list(are_here(session).values()) == [(True, True)]


def test_an_unreadable_file_is_known_with_its_reason(database: Database):
    unreadable = photo_files.SeenFile(
        "a.jpg", paths.FileStat(1, 1), None, failure="permission denied"
    )
    with database.write() as session:
        root_id, rung = register(session, unreadable)

        assert rung == []
        known = photo_files.find_known(session, root_id, ["a.jpg"])["a.jpg"]
        assert known.photo_id is None
        assert session.scalars(select(PhotoFile.failure)).one() == "permission denied"


def test_registering_again_changes_nothing(database: Database):
    with database.write() as session:
        first = add_photos(session, "a.jpg", "b.jpg")
        assert add_photos(session, "a.jpg", "b.jpg") == first
        assert session.scalar(select(func.count()).select_from(PhotoEvent)) == 2


def test_roots_of_one_folder_name_get_names_of_their_own(database: Database):
    with database.write() as session:
        names = [roots.register_root(session, Path(p)).name for p in ("/a/x", "/b/x", "/a/x")]

        assert names == ["x", "x-2", "x"]


def test_stats_are_found_among_many_others_and_alone(database: Database):
    names = ["a.jpg", *(f"b/{n}.jpg" for n in range(9)), "z.jpg"]
    with database.write() as session:
        root_id = roots.register_root(session, Path("/photos")).id
        photo_files.register_files(session, root_id, [seen(name) for name in names], now=NOW)

        found = [
            photo_files.find_stats(session, root_id, wanted)
            for wanted in (names, ["z.jpg", "a.jpg"])
        ]

        assert [set(each) for each in found] == [set(names), {"a.jpg", "z.jpg"}]
        assert found[0]["a.jpg"] == found[1]["a.jpg"]
        assert photo_files.count_present(session, root_id, "b") == 9
