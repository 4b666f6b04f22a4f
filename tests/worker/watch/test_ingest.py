"""Files become rows: the content is the photo, a path is where it lies, and a ring comes last."""

import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoState
from catalog.photos import lifecycle
from tests.support import folders
from tests.support.folders import Folder, digest
from worker.watch import ingest, scan


@pytest.fixture
def folder(database: Database, tmp_path: Path) -> Folder:
    return folders.open_folder(database, tmp_path / "photos")


def test_new_file_is_a_row_and_is_rung_for(folder: Folder) -> None:
    folder.write("a.jpg", "dog")

    taken = folder.take("a.jpg")

    assert folder.rows() == {"a.jpg": digest("dog")}
    assert folder.rung == [[folder.photo_ids()["a.jpg"]]]
    rung = tuple(folder.rung[0])
    assert taken == ingest.Taken(rung, (), known_ids=rung)


def test_rows_are_committed_before_the_bell_rings(folder: Folder) -> None:
    folder.write("a.jpg")
    seen: list[dict[str, bytes | None]] = []

    def ring(_: object) -> bool:
        seen.append(folder.rows())
        return True

    (found,) = scan.walk(folder.top)
    ingest.take_files(folder.database, folder.root, [found], ring)

    assert seen == [{"a.jpg": digest("a.jpg")}]


def test_rows_are_free_to_be_claimed_when_the_bell_rings(folder: Folder) -> None:
    folder.write("a.jpg")
    claimed: list[int] = []

    def ring(photo_ids: Sequence[int]) -> bool:
        with folder.database.write() as session:
            now = datetime.now(UTC)
            assert lifecycle.sweep(session, now=now + timedelta(minutes=1)) == []
            claim = lifecycle.claim_photos(session, photo_ids, limit=9, lease_s=60, now=now)
            claimed.extend(photo.photo_id for photo in claim.photos)
        return True

    (found,) = scan.walk(folder.top)
    ingest.take_files(folder.database, folder.root, [found], ring)

    assert claimed == [folder.photo_ids()["a.jpg"]]
    with folder.database.read() as session:
        assert session.get_one(Photo, claimed[0]).state == PhotoState.LEASED


def test_photo_is_rung_for_again_where_the_broker_was_down(folder: Folder) -> None:
    folder.is_broker_up = False
    folder.write("a.jpg")
    folder.take("a.jpg")
    soon = datetime.now(UTC) + timedelta(minutes=1)

    with folder.database.write() as session:
        assert lifecycle.sweep(session, now=soon) == [folder.photo_ids()["a.jpg"]]


def test_photo_that_was_rung_for_is_not_rung_for_again_soon(folder: Folder) -> None:
    folder.write("a.jpg")
    folder.take("a.jpg")
    soon = datetime.now(UTC) + timedelta(minutes=1)

    with folder.database.write() as session:
        assert lifecycle.sweep(session, now=soon) == []


def test_tagged_photo_is_not_rung_for_again(folder: Folder) -> None:
    folder.write("a.jpg")
    folder.take("a.jpg")
    folder.tag("a.jpg", "dog")
    folder.rung.clear()

    assert folder.take("a.jpg").photo_ids == ()
    assert folder.rung == []


def test_moved_file_keeps_its_photo_and_its_tags(folder: Folder) -> None:
    path = folder.write("old.jpg", "dog")
    folder.take("old.jpg")
    photo_id = folder.tag("old.jpg", "dog")
    folder.rung.clear()

    path.rename(folder.top / "new.jpg")
    folder.forget(["old.jpg"])
    folder.take("new.jpg")

    assert folder.rows() == {"new.jpg": digest("dog")}
    assert folder.photo_ids()["new.jpg"] == photo_id
    assert folder.tags(photo_id) == {"dog"}
    assert folder.history(photo_id)[-2:] == ["missing", "moved"]
    assert folder.rung == []


def test_moved_file_keeps_its_photo_whichever_event_comes_first(folder: Folder) -> None:
    path = folder.write("old.jpg", "dog")
    folder.take("old.jpg")
    photo_id = folder.tag("old.jpg", "dog")

    path.rename(folder.top / "new.jpg")
    folder.take("new.jpg")
    folder.forget(["old.jpg"])

    assert folder.rows() == {"new.jpg": digest("dog")}
    assert folder.photo_ids()["new.jpg"] == photo_id
    assert "missing" not in folder.history(photo_id)


def test_copy_is_the_same_photo_and_tagged_once(folder: Folder) -> None:
    path = folder.write("a.jpg", "dog")
    folder.take("a.jpg")
    shutil.copy(path, folder.top / "b.jpg")
    folder.take("b.jpg")

    assert folder.rows() == {"a.jpg": digest("dog"), "b.jpg": digest("dog")}
    assert len(set(folder.photo_ids().values())) == 1
    photo_id = folder.tag("a.jpg", "dog")
    folder.forget(["a.jpg"])
    assert folder.tags(photo_id) == {"dog"}
    assert folder.history(photo_id) == ["added", "copied", "tagged"]


def test_copies_that_arrive_together_are_one_photo(folder: Folder) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        folder.write(name, "dog")

    taken = folder.take("a.jpg", "b.jpg", "c.jpg")

    assert len(taken.photo_ids) == 1
    assert len(folder.rows()) == 3


def test_file_named_twice_is_taken_once(folder: Folder) -> None:
    folder.write("a.jpg")

    assert len(folder.take("a.jpg", "a.jpg").photo_ids) == 1
    assert len(folder.rows()) == 1


def test_changed_file_is_another_photo(folder: Folder) -> None:
    folder.write("a.jpg", "dog")
    folder.take("a.jpg")
    before = folder.tag("a.jpg", "dog")

    folder.write("a.jpg", "cat")
    (after,) = folder.take("a.jpg").photo_ids

    assert after != before
    assert folder.rows() == {"a.jpg": digest("cat")}
    assert folder.tags(after) == set()
    assert folder.tags(before) == {"dog"}


def test_file_that_changes_while_it_is_hashed_is_looked_at_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder.write("a.jpg", "half")
    hash_file = ingest._digests

    def hash_while_it_grows(target: Path) -> bytes:
        found = hash_file(target)
        folder.write("a.jpg", "half and more")
        return found

    with monkeypatch.context() as fault:
        fault.setattr(ingest, "_digests", hash_while_it_grows)
        assert folder.take("a.jpg") == ingest.Taken((), (path,))
    assert folder.rows() == {}

    folder.take("a.jpg")
    assert folder.rows() == {"a.jpg": digest("half and more")}


def test_file_that_vanishes_before_it_is_hashed_is_no_photo(folder: Folder) -> None:
    path = folder.write("a.jpg")
    found = scan.stat_file(path)
    assert found is not None
    path.unlink()

    taken = ingest.take_files(folder.database, folder.root, [found], folder.ring)

    assert taken == ingest.Taken((), (path,))
    assert folder.rows() == {}


def test_file_that_becomes_a_pipe_does_not_hang(folder: Folder) -> None:
    path = folder.write("a.jpg")
    found = scan.stat_file(path)
    assert found is not None
    path.unlink()
    os.mkfifo(path)

    taken = ingest.take_files(folder.database, folder.root, [found], folder.ring)

    assert taken.unsettled == (path,)


def test_file_that_cannot_be_read_is_a_row_with_a_reason_and_taken_when_it_can(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a.jpg")

    def fail(path: Path) -> bytes:
        raise OSError(5, "Input/output error", str(path))

    with monkeypatch.context() as fault:
        fault.setattr(ingest, "_digests", fail)
        folder.compare()
    assert folder.rows() == {"a.jpg": None}
    assert folder.rung == []

    assert folder.compare() == ["a.jpg"]
    assert folder.rows() == {"a.jpg": digest("a.jpg")}


def test_unreadable_file_says_why(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder.write("a\n.jpg")
    found = scan.stat_file(path)
    assert found is not None

    def fail(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(ingest, "_digests", fail)
    seen = ingest._read(found, folder.top)

    assert seen is not None
    assert seen.failure == "a\\n.jpg: permission denied; make it readable, and it is taken"


def test_name_that_is_not_utf8_is_claimed_by_its_real_name(folder: Folder) -> None:
    name = os.fsdecode(b"\xff\xfe caf\xe9.jpg")
    path = folder.write(name, "coffee")
    folder.take(name)

    with folder.database.write() as session:
        now = datetime.now(UTC)
        claim = lifecycle.claim_photos(session, folder.rung[0], limit=1, lease_s=60, now=now)

    assert claim.photos[0].places[0].path == path
    assert claim.photos[0].places[0].path.exists()


def test_empty_and_huge_batches_are_taken(folder: Folder) -> None:
    assert folder.take().photo_ids == ()
    names = [f"{number}.jpg" for number in range(600)]
    for name in names:
        folder.write(name)

    assert len(folder.take(*names).photo_ids) == 600
    assert len(folder.rows()) == 600
