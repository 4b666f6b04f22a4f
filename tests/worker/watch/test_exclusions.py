"""Trash, caches and what a person excludes are left out, and moving a photo there deletes it."""

import unicodedata
from pathlib import Path

import pytest
from watchdog.events import FileMovedEvent

from catalog.db.database import Database
from catalog.photos import roots as catalogue_roots
from tests.support import folders
from tests.support.folders import Folder
from worker.watch import events, scan
from worker.watch.exclusions import Reason, Rules
from worker.watch.settling import Settling


@pytest.fixture
def folder(database: Database, tmp_path: Path) -> Folder:
    return folders.open_folder(database, tmp_path / "photos")


def write(top: Path, *files: str) -> None:
    for name in files:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def found(top: Path, *patterns: str) -> list[str]:
    exclusions = Rules(patterns).of(top)
    return [scan.relative(file.path, top) for file in scan.walk(top, exclusions)]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("#recycle/old", Reason.TRASH),
        ("#RECYCLE", Reason.TRASH),
        ("anna/@Recycle", Reason.TRASH),
        ("$RECYCLE.BIN/S-1-5", Reason.TRASH),
        (".Trash-1000/files", Reason.HIDDEN),
        ("nextcloud/anna/files_trashbin/files", Reason.TRASH),
        ("@Recently-Snapshot/GMT+01_2026", Reason.SNAPSHOTS),
        ("#snapshot/daily", Reason.SNAPSHOTS),
        (".stversions/2024", Reason.SNAPSHOTS),
        ("@eaDir/IMG.jpg", Reason.CACHES),
        ("Catalog Previews.lrdata/A", Reason.CACHES),
        ("Catalog Smart Previews.LRDATA", Reason.CACHES),
        ("Fotos.photoslibrary/resources/derivatives", Reason.CACHES),
        ("Fotos.photoslibrary/Thumbnails", Reason.CACHES),
        (".thumbnails", Reason.CACHES),
    ],
)
def test_folders_that_programs_keep_for_themselves_are_left_out(
    path: str, reason: Reason, tmp_path: Path
) -> None:
    write(tmp_path, "kept.jpg", f"{path}/a.jpg")

    assert found(tmp_path) == ["kept.jpg"]
    assert Rules().of(tmp_path).reason_of(tmp_path / path / "a.jpg") == reason


def test_originals_in_apples_libraries_are_photos(tmp_path: Path) -> None:
    write(tmp_path, "F.photoslibrary/originals/A/1.heic", "F.photoslibrary/resources/2.jpeg")
    write(tmp_path, "Old.photolibrary/Masters/2011/3.jpg", "Old.photolibrary/Previews/3.jpg")

    assert found(tmp_path) == [
        "F.photoslibrary/originals/A/1.heic",
        ("Old.photolibrary/Masters/2011/3.jpg"),
    ]


@pytest.mark.parametrize("marker", [".nomedia", ".noimage"])
def test_a_marked_folder_is_left_out_with_all_below_it(marker: str, tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "private/b.jpg", "private/deep/c.jpg", f"private/{marker}")

    assert found(tmp_path) == ["a.jpg"]
    assert Rules().of(tmp_path).reason_of(tmp_path / "private/deep/c.jpg") == Reason.MARKED


def test_ignore_files_speak_git_and_the_nearest_has_the_last_word(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "a.gif", "exports/b.jpg", "2024/exports/c.jpg", "2024/d.gif")
    (tmp_path / ".kadrignore").write_text("# ours\n*.gif\n/exports/\n")
    (tmp_path / "2024/.kadrignore").write_text("!d.gif\n")

    assert found(tmp_path) == ["a.jpg", "2024/d.gif", "2024/exports/c.jpg"]


def test_patterns_of_the_setting_hold_in_every_root(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "b.png", "x/Exports/c.jpg", "x/keep.png")
    (tmp_path / "x/.kadrignore").write_text("!keep.png\n")

    assert found(tmp_path, "*.png", "Exports/") == ["a.jpg", "x/keep.png"]


def test_a_photo_that_is_moved_to_the_trash_is_deleted(folder: Folder) -> None:
    folder.write("a.jpg")
    folder.write("b.jpg")
    folder.compare()
    (folder.top / "#recycle").mkdir()
    (folder.top / "a.jpg").rename(folder.top / "#recycle/a.jpg")

    folder.compare()

    assert folder.missing() == {"a.jpg"}
    assert set(folder.rows()) == {"b.jpg"}


def test_photos_that_are_left_out_from_now_on_are_missing_and_return_with_their_tags(
    folder: Folder,
) -> None:
    folder.write("private/a.jpg")
    folder.write("b.jpg")
    folder.compare()
    photo_id = folder.tag("private/a.jpg", "dog")
    marker = folder.write("private/.nomedia")

    folder.compare()
    assert folder.missing() == {"private/a.jpg"}

    marker.unlink()
    folder.compare()
    assert folder.missing() == set()
    assert folder.tags(photo_id) == {"dog"}


@pytest.mark.parametrize("target", ["#recycle/a.jpg", "private/a.jpg", "exports/a.jpg"])
def test_events_tell_only_that_a_photo_is_gone(target: str, tmp_path: Path) -> None:
    write(tmp_path, target, "private/.nomedia")
    (tmp_path / ".kadrignore").write_text("exports\n")
    changes = events.Changes(tmp_path, Settling(0.0), Settling(0.0))

    changes.dispatch(FileMovedEvent(str(tmp_path / "a.jpg"), str(tmp_path / target)))

    assert changes.gone.take_due() == [tmp_path / "a.jpg"]
    assert len(changes.touched) == 0


def test_a_scan_remembers_what_it_left_out_and_why(folder: Folder) -> None:
    folder.write("a.jpg")
    folder.write("#recycle/b.jpg")
    folder.write("x/@Recycle/c.jpg")
    folder.write("y/.nomedia")
    folder.write(".kadrignore", "*.gif")
    folder.write("d.gif")

    folder.compare()

    with folder.database.read() as session:
        noted = catalogue_roots.find_left_out(session, folder.root.id)
    assert {reason: count for reason, (count, _) in noted.items()} == {
        "trash": 2,
        ".nomedia or .noimage": 1,
        ".kadrignore": 1,
    }


def test_names_that_are_composed_otherwise_can_be_ignored(tmp_path: Path) -> None:
    write(tmp_path, unicodedata.normalize("NFD", "Privé/a.jpg"), "b.jpg")
    (tmp_path / ".kadrignore").write_text(unicodedata.normalize("NFC", "Privé/"))

    assert found(tmp_path) == ["b.jpg"]
