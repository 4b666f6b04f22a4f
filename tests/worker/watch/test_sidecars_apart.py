"""Sidecars in a folder of their own (KADR_SIDECAR_DIR) are known as those beside photos are."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from catalog import query
from catalog.db.database import Database, open_database
from catalog.db.tables import Root, Sidecar
from catalog.photos import roots
from catalog.tags import decisions
from tests.support import catalogue, folders
from tests.support.folders import Folder
from worker.sidecars.writer import Options, Writer


@pytest.fixture
def folder(database: Database, tmp_path: Path) -> Folder:
    """Give a folder with a photo on which a person confirmed "Mimi", written apart."""
    folder = folders.open_folder(database, tmp_path / "photos")
    folder.sidecar_dir = tmp_path / "sidecars"
    folder.write("a/IMG.jpg")
    folder.compare()
    photo_id = folder.tag("a/IMG.jpg", "sky")
    with database.write() as session:
        session.get_one(Root, folder.root.id).sidecars = "confirmed"
        decisions.add(session, [photo_id], ["Mimi"], now=catalogue.NOW)
        decisions.reject(session, [photo_id], ["sky"], now=catalogue.NOW)
    write(folder)
    return folder


def write(folder: Folder) -> None:
    now = catalogue.NOW + timedelta(minutes=1)
    writer = Writer(folder.database, Options(folder=folder.sidecar_dir), clock=lambda: now)
    while writer.write_batch().total:
        pass


def place(folder: Folder, name: str = "a/IMG.jpg.xmp") -> Path:
    assert folder.sidecar_dir is not None
    return folder.sidecar_dir / folder.top.relative_to("/") / name


def decided(folder: Folder) -> dict[str, str]:
    with folder.database.read() as session:
        found = query.get_photo(session, 1).keywords
    return {each.name: each.decision.value for each in found if each.decision is not None}


def test_own_writes_are_known_to_the_next_scan(folder: Folder) -> None:
    assert place(folder).exists()
    before = folder.history(1)

    assert folder.compare() == []
    assert folder.history(1) == before


@pytest.mark.parametrize("is_late", [False, True])
def test_new_catalogue_gets_decisions_back(
    folder: Folder, tmp_path: Path, *, is_late: bool
) -> None:
    with open_database(f"sqlite:///{tmp_path / 'new.db'}", upgrade=True) as opened:
        fresh = folders.open_folder(opened, folder.top)
        if is_late:  # the folder of sidecars was mounted or named later than the photos were tagged
            fresh.compare()
        fresh.sidecar_dir = folder.sidecar_dir
        fresh.compare()
        assert decided(fresh) == {"Mimi": "confirmed", "sky": "rejected"}
        assert fresh.compare() == []


def test_word_that_was_taken_out_there_is_withdrawn(folder: Folder) -> None:
    text = place(folder).read_text(encoding="utf-8")
    place(folder).write_text(text.replace("<rdf:li>Mimi</rdf:li>", "", 1), encoding="utf-8")

    assert folder.compare() == [str(place(folder))]
    with folder.database.read() as session:
        assert query.find_ids(session, "is:withdrawn") == [1]


def test_sidecar_that_is_gone_is_missing_unless_the_folder_is_away(folder: Folder) -> None:
    row = select(Sidecar.missing_since).where(Sidecar.path == str(place(folder)))
    assert folder.sidecar_dir is not None
    folder.sidecar_dir.rename(folder.sidecar_dir.with_name("away"))
    folder.compare()
    with folder.database.read() as session:
        assert session.scalars(row).one() is None

    folder.sidecar_dir.with_name("away").rename(folder.sidecar_dir)
    place(folder).unlink()
    folder.compare()
    with folder.database.read() as session:
        assert session.scalars(row).one() is not None


def test_photo_that_comes_again_finds_its_sidecar(folder: Folder) -> None:
    folder.forget(["a/IMG.jpg"])
    with folder.database.write() as session:
        session.execute(Sidecar.__table__.delete())
    folder.compare()

    with folder.database.read() as session:
        assert session.scalars(select(Sidecar.path)).all() == [str(place(folder))]


def test_outer_root_keeps_them(folder: Folder) -> None:
    with folder.database.write() as session:
        outer = roots.register_root(session, folder.top.parent)
    around = Folder(folder.top.parent, folder.database, outer, sidecar_dir=folder.sidecar_dir)

    assert around.compare() == []
    with folder.database.read() as session:
        assert session.scalars(select(Sidecar.path)).all() == [str(place(folder))]
