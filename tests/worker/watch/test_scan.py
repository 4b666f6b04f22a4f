"""A scan finds what is new, changed and gone, and leaves alone what is no photo of a person's."""

import os
from pathlib import Path

import pytest
from sqlalchemy import select, update

from catalog import paths
from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoFile
from catalog.photos import status
from tests.support import folders, photos
from tests.support.folders import Folder, digest
from worker.errors import RootError
from worker.watch import ingest, scan


@pytest.fixture
def folder(database: Database, tmp_path: Path) -> Folder:
    return folders.open_folder(database, tmp_path / "photos")


def names(top: Path) -> list[str]:
    return [scan.relative(found.path, top) for found in scan.walk(top)]


def write(top: Path, *files: str) -> None:
    for name in files:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_photos_are_found_in_a_fixed_order(tmp_path: Path) -> None:
    write(tmp_path, "b.jpg", "a.JPG", "2/d.heic", "1/c.nef", "1/deep/er/e.png")

    assert names(tmp_path) == ["a.JPG", "b.jpg", "1/c.nef", "1/deep/er/e.png", "2/d.heic"]


def test_sidecars_are_found_with_the_photos(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "a.jpg.xmp", "A.XMP", "a.jpg.supplemental-metadata.json")

    assert names(tmp_path) == ["A.XMP", "a.jpg", "a.jpg.supplemental-metadata.json", "a.jpg.xmp"]


def test_hidden_temporary_and_other_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, ".hidden.jpg", "._a.jpg", "~a.jpg", "a.jpg.part", "a.jpg.crdownload", "a.jpg~")
    write(tmp_path, "a.tmp", "a.txt", "a.mp4", "jpg", ".jpg", ".a.xmp", "a.xmp.tmp", "a.json")
    write(tmp_path, ".thumbnails/a.jpg", "@eaDir/a.jpg", "$RECYCLE.BIN/a.jpg", "lost+found/a.jpg")

    assert names(tmp_path) == []


def test_folder_that_is_called_like_a_photo_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "trip.jpg/a.jpg")

    assert names(tmp_path) == ["trip.jpg/a.jpg"]


def test_pipes_and_dangling_links_are_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "self.jpg").symlink_to(tmp_path / "self.jpg")
    (tmp_path / "self").symlink_to(tmp_path / "self")

    assert names(tmp_path) == []


def test_links_that_lead_back_up_are_walked_once(tmp_path: Path) -> None:
    write(tmp_path, "a/b/c.jpg")
    (tmp_path / "a/b/up").symlink_to(tmp_path)
    (tmp_path / "a/again").symlink_to(tmp_path / "a/b")
    (tmp_path / "zz").symlink_to(tmp_path / "a")

    assert names(tmp_path) == ["a/again/c.jpg"]  # one way to it, and the same one each time


def test_links_that_lead_out_of_the_root_are_followed(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/a.jpg", "photos/b.jpg")
    (tmp_path / "photos/c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos/d.jpg").symlink_to(tmp_path / "elsewhere/a.jpg")

    assert names(tmp_path / "photos") == ["b.jpg", "d.jpg", "c/a.jpg"]


def test_deep_folders_are_walked(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 300)
    deep.mkdir(parents=True)
    (deep / "a.jpg").touch()

    assert len(names(tmp_path)) == 1


def test_names_that_are_not_utf8_are_stored_and_found_again(folder: Folder) -> None:
    name = os.fsdecode(b"caf\xe9/\xff\xfe.jpg")
    folder.write(name, "coffee")

    assert len(folder.compare()) == 1
    assert folder.compare() == []
    (stored,) = folder.rows()
    assert paths.from_text(stored) == Path(name)


def test_second_scan_finds_nothing_new(folder: Folder) -> None:
    for number in range(20):
        folder.write(f"{number}.jpg")

    assert len(folder.compare()) == 20
    assert folder.compare() == []
    assert len(folder.rung) == 1


def test_deleted_file_is_missing_and_keeps_its_tags(folder: Folder) -> None:
    path = folder.write("a.jpg")
    folder.write("b.jpg")
    folder.compare()
    photo_id = folder.tag("a.jpg", "dog")

    path.unlink()
    folder.compare()

    assert folder.missing() == {"a.jpg"}
    assert set(folder.rows()) == {"b.jpg"}
    assert folder.tags(photo_id) == {"dog"}
    assert folder.history(photo_id)[-1] == "missing"


def test_file_that_returns_is_not_tagged_again(folder: Folder) -> None:
    path = folder.write("a.jpg")
    folder.write("b.jpg")
    folder.compare()
    photo_id = folder.tag("a.jpg", "dog")
    away = path.rename(folder.top.parent / "away.jpg")
    folder.compare()
    folder.rung.clear()

    away.rename(path)
    folder.compare()

    assert folder.photo_ids()["a.jpg"] == photo_id
    assert folder.rung == []
    assert folder.history(photo_id)[-1] == "returned"


def test_root_that_vanishes_and_returns_marks_nothing_missing(folder: Folder) -> None:
    folder.write("a/b.jpg")
    folder.compare()
    before = folder.rows()

    away = folder.top.rename(folder.top.parent / "away")
    folder.compare()
    assert folder.rows() == before

    folder.top.mkdir()  # a mount point without its disk
    folder.compare()
    assert folder.rows() == before

    folder.top.rmdir()
    away.rename(folder.top)
    assert folder.compare() == []
    assert folder.rows() == before


def test_root_that_vanishes_during_a_scan_marks_nothing_missing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_COMPARED_AT_ONCE", 10)
    for number in range(20):
        folder.write(f"{number % 2}/{number}.jpg", b"same")
    folder.compare()
    before = folder.rows()

    batches = scan.find_changes(folder.database, folder.root)
    next(batches)
    folder.top.rename(folder.top.parent / "away")
    folder.top.mkdir()
    assert sum(len(batch) for batch in batches) == 0

    assert folder.rows() == before


def test_folder_that_cannot_be_read_marks_nothing_missing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("closed/a.jpg")
    folder.write("open/b.jpg")
    folder.compare()
    before = folder.rows()
    closed = folder.top / "closed"

    with monkeypatch.context() as fault:
        deny(fault, closed)
        folder.write("open/c.jpg")
        assert folder.compare() == ["open/c.jpg"]

    seen = {"open/c.jpg": digest("open/c.jpg"), "closed/": None}
    assert folder.rows() == before | seen


def deny(fault: pytest.MonkeyPatch, closed: Path) -> None:
    """Refuse a folder as the system does; as the superuser there is no other way to see it."""
    scandir, look = os.scandir, Path.stat

    def refuse(path: Path) -> None:
        if path == closed or closed in path.parents:
            raise PermissionError(13, "Permission denied", str(path))

    def denied_scandir(path: Path) -> object:
        refuse(Path(path))
        return scandir(path)

    def denied_stat(path: Path, **options: bool) -> os.stat_result:
        if path != closed:
            refuse(path)
        return look(path, **options)

    fault.setattr(os, "scandir", denied_scandir)
    fault.setattr(Path, "stat", denied_stat)


def test_only_the_given_folder_below_a_root_is_compared(folder: Folder) -> None:
    inside, outside = folder.write("inside/a.jpg"), folder.write("outside/b.jpg")
    folder.write("inside/c.jpg")
    folder.compare()

    inside.unlink()
    outside.unlink()
    for _ in scan.find_changes(folder.database, folder.root, folder.top / "inside"):
        pass

    assert folder.missing() == {"inside/a.jpg"}


def test_folder_whose_name_begins_like_another_is_another(folder: Folder) -> None:
    folder.write("a/1.jpg")
    other = folder.write("a b/2.jpg")
    folder.compare()

    other.unlink()
    for _ in scan.find_changes(folder.database, folder.root, folder.top / "a"):
        pass

    assert folder.missing() == set()


@pytest.mark.parametrize("name", ["nowhere", "file.txt/below", "x" * 300, "a\0b", "loop"])
def test_roots_that_cannot_be_watched_are_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    with pytest.raises(RootError, match=r": [^;]+; "):
        scan.check_root(tmp_path / name)


def test_file_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()

    with pytest.raises(RootError, match=r"a\.jpg: not a folder; give the folder that it is in"):
        scan.check_root(tmp_path / "a.jpg")


def test_home_of_a_user_that_is_not_there_is_refused() -> None:
    with pytest.raises(RootError, match="no such folder"):
        scan.check_root(Path("~nobody-of-this-name/photos"))


def test_a_change_that_keeps_size_and_mtime_is_seen(folder: Folder) -> None:
    path = folder.write("a.jpg", "cat")
    folder.compare()
    before = path.stat()

    path.write_text("dog")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert folder.compare() == ["a.jpg"]
    assert folder.rows() == {"a.jpg": digest("dog")}
    assert folder.compare() == []


def test_a_change_of_rights_is_looked_at_and_changes_nothing(folder: Folder) -> None:
    path = folder.write("a.jpg", "cat")
    folder.compare()
    photo_id = folder.tag("a.jpg", "dog")

    path.chmod(0o600)

    assert folder.compare() == ["a.jpg"]
    assert folder.rung == [[photo_id]]
    assert folder.history(photo_id) == ["added", "tagged"]


def test_files_of_an_old_catalogue_get_their_digests_without_delaying_a_scan(
    folder: Folder,
) -> None:
    for name in ("a.jpg", "b.jpg", "gone.jpg"):
        folder.write(name, photos.jpeg_bytes())
    folder.compare()
    with folder.database.write() as session:
        session.execute(update(PhotoFile).values(ctime_ns=None))
        session.execute(update(Photo).values(image_digest=None))
    (folder.top / "gone.jpg").unlink()
    backlog = ingest.Backlog(folder.database, folder.root, folder.ring)

    assert folder.compare() == []
    assert [backlog.step(1) for _ in range(4)] == [True, True, False, False]

    with folder.database.read() as session:
        assert session.scalars(select(Photo.image_digest)).one() is not None
        here = select(PhotoFile.ctime_ns).where(PhotoFile.missing_since.is_(None))
        assert None not in session.scalars(here).all()


def test_a_folder_that_cannot_be_read_is_a_failure_until_it_can(
    folder: Folder, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("a.jpg")
    folder.write("closed/b.jpg")
    with monkeypatch.context() as fault:
        deny(fault, folder.top / "closed")
        for _ in range(2):
            folder.compare()
        with database.read() as session:
            assert status.count_states(session).unreadable == 1
            [failure] = status.find_failures(session)

    assert failure.path == f"{folder.top}/closed/"
    assert failure.reason.startswith("closed/: the folder cannot be read, nor any photo in it; ")
    assert folder.compare() == ["closed/b.jpg"]
    with database.read() as session:
        assert status.find_failures(session) == []
