"""Folders and photos that a person names become roots: each place on disk once, by any path."""

from pathlib import Path

import pytest

from catalog.db.database import Database
from tests.support import folders
from worker.errors import RootError
from worker.watch import ingest, roots, scan
from worker.watch.roots import Folder


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "photos/2024").mkdir(parents=True)
    (tmp_path / "photos/a.jpg").write_text("a")
    (tmp_path / "photos/2024/b.jpg").write_text("b")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    return tmp_path / "photos"


def named(database: Database, *paths: Path) -> list[Folder]:
    return roots.register(database, [str(path) for path in paths])


def test_a_root_by_two_paths_is_one_root(database: Database, top: Path) -> None:
    (first,) = named(database, top)
    (again,) = named(database, top.parent / "link")
    (below,) = named(database, top.parent / "link/2024")

    assert (again.root.id, again.path) == (first.root.id, top)
    assert (below.root.id, below.path) == (first.root.id, top / "2024")


def test_a_root_known_by_its_link_keeps_that_path(database: Database, top: Path) -> None:
    (first,) = named(database, top.parent / "link")
    (again,) = named(database, top)

    assert (again.root.id, again.path) == (first.root.id, top.parent / "link")


def test_two_paths_of_one_folder_in_one_command_are_one(database: Database, top: Path) -> None:
    assert len(named(database, top, top.parent / "link", top / "2024")) == 1


def test_a_new_root_takes_in_one_that_lies_in_it_by_a_link(database: Database, top: Path) -> None:
    (top.parent / "year").symlink_to(top / "2024")
    (inner,) = named(database, top.parent / "year")
    place = folders.Folder(top.parent / "year", database, inner.root)
    place.compare()

    (outer,) = named(database, top)

    place = folders.Folder(top, database, outer.root)
    assert set(place.rows()) == {"2024/b.jpg"}
    assert place.compare() == ["a.jpg"]


def test_a_photo_belongs_to_the_root_that_it_lies_in(database: Database, top: Path) -> None:
    (folder,) = named(database, top)
    (photo,) = named(database, top.parent / "link/2024/b.jpg")

    assert (photo.root.id, photo.photos) == (folder.root.id, (top / "2024/b.jpg",))
    assert photo.shown == str(top / "2024/b.jpg")


def test_the_folder_of_a_photo_becomes_a_root_and_its_other_photos_stay_unknown(
    database: Database, top: Path
) -> None:
    (named_photo,) = named(database, top / "a.jpg")
    found = scan.stat_file(named_photo.photos[0])
    assert found is not None
    ingest.take_files(database, named_photo.root, [found], lambda _: True)

    assert set(folders.Folder(top, database, named_photo.root).rows()) == {"a.jpg"}


def test_a_photo_in_a_folder_that_is_named_too_comes_with_it(database: Database, top: Path) -> None:
    (folder,) = named(database, top / "a.jpg", top)

    assert folder.photos == ()


def test_a_file_that_is_no_photo_says_so(database: Database, top: Path) -> None:
    (top / "letter.txt").write_text("Dear Anna")

    with pytest.raises(RootError, match="not a photo by its name"):
        named(database, top / "letter.txt")
