"""Metadata is read again where it changed, and nothing is decoded or encoded for it."""

from pathlib import Path

import pytest
from sqlalchemy import select, update

from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoFile, PhotoTag, Source, Tag
from catalog.photos import said
from catalog.tags import decisions
from tests.support import catalogue, folders, photos, readers
from tests.support.folders import Folder
from worker.decoding.pool import Decoders
from worker.errors import PhotoError, PhotoStalledError
from worker.tagging import rereading


@pytest.fixture
def folder(database: Database, tmp_path: Path) -> Folder:
    return folders.open_folder(database, tmp_path / "photos")


def said_by_files(folder: Folder, photo_id: int) -> set[str]:
    query = (
        select(Tag.name)
        .join(PhotoTag, PhotoTag.tag_id == Tag.id)
        .where(PhotoTag.photo_id == photo_id, PhotoTag.source == Source.METADATA)
    )
    with folder.database.read() as session:
        return set(session.scalars(query))


def tagged(folder: Folder, decoders: Decoders, name: str, *keywords: str) -> int:
    photos.save(folder.top / name, xmp=photos.xmp(list(keywords)))
    folder.compare()
    photo_id = folder.tag(name, "sky")
    with folder.database.write() as session:
        said.forget_embedded(session, [photo_id])
    rereading.read_unread(folder.database, decoders)
    folder.rung.clear()
    return photo_id


def test_catalogue_of_an_older_version_is_read_once(folder: Folder, decoders: Decoders) -> None:
    photo_id = tagged(folder, decoders, "IMG-20201018-WA0007.jpg", "dog")
    with folder.database.write() as session:
        session.execute(update(PhotoFile).values(words=None))
        session.execute(
            update(PhotoTag).where(PhotoTag.source == Source.METADATA).values(confidence=1)
        )

    assert rereading.read_unread(folder.database, decoders) == 1
    assert rereading.read_unread(folder.database, decoders) == 0
    assert said_by_files(folder, photo_id) == {"dog"}
    with folder.database.read() as session:
        found = session.get_one(Photo, photo_id)
        assert (str(found.taken_at), found.taken_precision) == ("2020-10-18 00:00:00", "day")
        assert found.fact_sources == {"taken_at": "file name"}


def test_keyword_that_another_program_writes_into_the_file_is_read(
    folder: Folder, decoders: Decoders
) -> None:
    """A real program's edit: exiv2 writes into the JPEG, the photo stays, decisions too."""
    photo_id = tagged(folder, decoders, "a.jpg", "dog", "beach")
    with folder.database.write() as session:
        decisions.add(session, [photo_id], ["Mimi"], now=catalogue.NOW)
        decisions.confirm(session, [photo_id], ["beach"], now=catalogue.NOW)
        decisions.reject(session, [photo_id], ["sky"], now=catalogue.NOW)

    readers.set_words(folder.top / "a.jpg", "holiday")
    folder.compare()
    rereading.read_unread(folder.database, decoders)

    assert folder.photo_ids() == {"a.jpg": photo_id}
    assert folder.rung == []
    assert folder.tags(photo_id) == {"Mimi", "beach", "sky", "holiday"}
    assert said_by_files(folder, photo_id) == {"beach", "holiday"}


def test_moved_photo_keeps_its_keywords_without_being_read(
    folder: Folder, decoders: Decoders
) -> None:
    photo_id = tagged(folder, decoders, "a.jpg", "dog")
    (folder.top / "a.jpg").rename(folder.top / "b.jpg")
    folder.compare()
    events = folder.history(photo_id)

    rereading.read_unread(folder.database, decoders)

    assert said_by_files(folder, photo_id) == {"dog"}
    assert folder.history(photo_id) == events


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (PhotoError("a.jpg: its decoder crashed 3 times"), 1),
        (PhotoStalledError("a.jpg: its disk does not answer", is_to_blame=False), 2),
    ],
)
def test_a_file_that_decoders_cannot_read_says_nothing_or_waits(
    error: PhotoError, times: int, folder: Folder, decoders: Decoders
) -> None:
    """Metadata is read where photos are decoded, so a file of that kind harms no other program."""
    photo_id = tagged(folder, decoders, "a.jpg", "dog")
    asked: list[object] = []

    class Failing:
        def run_all(self, _job: object, paths: list[Path]) -> list[PhotoError]:
            asked.extend(paths)
            return [error for _ in paths]

    for _ in range(2):
        with folder.database.write() as session:
            if not asked:
                said.forget_embedded(session, [photo_id])
        rereading.read_unread(folder.database, Failing())  # type: ignore[arg-type]

    assert len(asked) == times
