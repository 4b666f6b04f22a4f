"""Files land, move, change and go in a watched folder; the rows follow. In both modes."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from catalog.db import database as databases
from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoFile, PhotoState, PhotoTag
from tests.support.kadr import Kadr, eventually

_HUES = iter(range(1, 256))


@dataclass
class Watched:
    """A folder under `kadr watch`, and the catalogue that it fills."""

    folder: Path
    database: Database
    kadr: Kadr

    def add(self, name: str) -> Path:
        """Let a new photo land, each of another colour."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make_photo(path)
        return path

    def photo(self, name: str) -> Photo | None:
        """Return the photo that lies at a path now."""
        query = (
            select(Photo)
            .join(PhotoFile, PhotoFile.photo_id == Photo.id)
            .where(PhotoFile.path == name, PhotoFile.missing_since.is_(None))
        )
        with self.database.read() as session:
            return session.scalars(query).one_or_none()

    def state(self, name: str) -> PhotoState | None:
        found = self.photo(name)
        return found.state if found else None

    def await_tagged(self, *names: str) -> None:
        eventually(lambda: all(self.state(name) == PhotoState.TAGGED for name in names))

    def tags_of(self, photo: Photo | None) -> dict[int, float]:
        assert photo is not None
        query = select(PhotoTag.tag_id, PhotoTag.confidence).where(PhotoTag.photo_id == photo.id)
        with self.database.read() as session:
            return dict(session.execute(query).all())

    def is_missing(self, name: str) -> bool:
        query = select(PhotoFile.missing_since).where(PhotoFile.path == name)
        with self.database.read() as session:
            return session.scalars(query).one() is not None


def make_photo(path: Path) -> None:
    hue = next(_HUES)
    Image.new("HSV", (48, 40), (hue, 200, 200)).convert("RGB").save(path, quality=90)


@pytest.fixture(scope="module", params=["embedded", "fleet"])
def watched(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tagger_settings: dict[str, str],
) -> Iterator[Watched]:
    """Watch a folder: in one process on SQLite, or with two workers on Redis and PostgreSQL."""
    work = tmp_path_factory.mktemp(str(request.param))
    folder = work / "photos"
    folder.mkdir()
    make_photo(folder / "before.jpg")
    with ExitStack() as stack:
        if request.param == "embedded":
            url = f"sqlite:///{work / 'kadr.db'}"
            kadr = Kadr(tagger_settings | {"KADR_DATABASE_URL": url}, work)
        else:
            kadr = _start_fleet(request, tagger_settings, work, stack)
        stack.enter_context(kadr.running("watch", str(folder), ready="Watching"))
        database = databases.open_database(kadr.settings["KADR_DATABASE_URL"], upgrade=False)
        yield Watched(folder, database, kadr)
        database.close()


def _start_fleet(
    request: pytest.FixtureRequest, settings: dict[str, str], work: Path, stack: ExitStack
) -> Kadr:
    make_database: Callable[[], str] = request.getfixturevalue("postgresql_databases")
    servers = {
        "KADR_DATABASE_URL": make_database(),
        "KADR_BROKER_URL": request.getfixturevalue("redis_url"),
    }
    kadr = Kadr(settings | servers, work)
    assert kadr.run("db", "upgrade").returncode == 0
    for name in ("one@%h", "two@%h"):
        stack.enter_context(kadr.running("worker", "-n", name, ready="ready"))
    return kadr


def test_what_was_there_before_is_tagged(watched: Watched):
    watched.await_tagged("before.jpg")


def test_a_photo_that_lands_is_tagged_and_found(watched: Watched):
    watched.add("landed.jpg")

    watched.await_tagged("landed.jpg")

    found = watched.kadr.run("search", "dog OR cat OR sea OR sky OR tree OR house", "-f", "paths")
    assert str(watched.folder / "landed.jpg") in found.stdout.splitlines()


def test_photos_in_a_folder_that_is_copied_in_are_tagged(watched: Watched, tmp_path: Path):
    for number in range(5):
        make_photo(tmp_path / f"{number}.jpg")
    shutil.copytree(tmp_path, watched.folder / "album" / "inner")

    watched.await_tagged(*(f"album/inner/{number}.jpg" for number in range(5)))


def test_a_move_keeps_the_photo_and_its_tags(watched: Watched):
    watched.add("move/old.jpg")
    watched.await_tagged("move/old.jpg")
    before = watched.photo("move/old.jpg")
    tags = watched.tags_of(before)

    (watched.folder / "move/old.jpg").rename(watched.folder / "move/new.jpg")
    eventually(lambda: watched.photo("move/new.jpg") and watched.is_missing("move/old.jpg"))

    after = watched.photo("move/new.jpg")
    assert after is not None
    assert before is not None
    assert (after.id, after.tagged_at) == (before.id, before.tagged_at)
    assert watched.tags_of(after) == tags


def test_a_folder_that_is_renamed_keeps_its_photos(watched: Watched):
    watched.add("holiday/a.jpg")
    watched.await_tagged("holiday/a.jpg")
    before = watched.photo("holiday/a.jpg")

    (watched.folder / "holiday").rename(watched.folder / "island")
    eventually(lambda: watched.photo("island/a.jpg") and watched.is_missing("holiday/a.jpg"))

    after = watched.photo("island/a.jpg")
    assert before is not None
    assert after is not None
    assert (after.id, after.tagged_at) == (before.id, before.tagged_at)


def test_a_copy_is_tagged_once(watched: Watched):
    watched.add("copy/first.jpg")
    watched.await_tagged("copy/first.jpg")
    first = watched.photo("copy/first.jpg")

    shutil.copy(watched.folder / "copy/first.jpg", watched.folder / "copy/second.jpg")
    eventually(lambda: watched.photo("copy/second.jpg"))

    second = watched.photo("copy/second.jpg")
    assert first is not None
    assert second is not None
    assert (second.id, second.tagged_at) == (first.id, first.tagged_at)


def test_a_changed_file_becomes_another_photo(watched: Watched):
    watched.add("edited.jpg")
    watched.await_tagged("edited.jpg")
    before = watched.photo("edited.jpg")
    assert before is not None

    watched.add("edited.jpg")
    eventually(lambda: (now := watched.photo("edited.jpg")) and now.id != before.id)

    watched.await_tagged("edited.jpg")


def test_a_deleted_file_is_missing_and_its_tags_stay(watched: Watched):
    watched.add("deleted.jpg")
    watched.await_tagged("deleted.jpg")
    photo = watched.photo("deleted.jpg")

    (watched.folder / "deleted.jpg").unlink()
    eventually(lambda: watched.is_missing("deleted.jpg"))

    assert watched.tags_of(photo)


def test_a_broken_file_is_put_aside_and_costs_nothing_else(watched: Watched):
    (watched.folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a photo")
    watched.add("beside.jpg")

    watched.await_tagged("beside.jpg")
    eventually(lambda: watched.state("broken.jpg") == PhotoState.QUARANTINED)

    photo = watched.photo("broken.jpg")
    assert photo is not None
    assert "broken.jpg" in (photo.failure or "")
    reasons = {failure["path"]: failure for failure in watched.kadr.json("failures")}
    assert str(watched.folder / "broken.jpg") in reasons


def test_hidden_temporary_and_other_files_are_left_alone(watched: Watched):
    for name in (".hidden.jpg", "half.jpg.part", "notes.txt", ".trash/inside.jpg"):
        path = watched.folder / "quiet" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(watched.folder / "before.jpg", path)
    watched.add("quiet/loud.jpg")

    watched.await_tagged("quiet/loud.jpg")

    with watched.database.read() as session:
        found = session.scalars(select(PhotoFile.path).where(PhotoFile.path.like("quiet/%"))).all()
    assert found == ["quiet/loud.jpg"]


def test_every_tag_says_where_it_came_from(watched: Watched):
    watched.await_tagged("before.jpg")

    [card] = watched.kadr.json("show", str(watched.folder / "before.jpg"))

    assert {keyword["source"] for keyword in card["keywords"]} == {"clip"}
    assert watched.kadr.json("status")["tagger"]["model"] == watched.kadr.settings["KADR_MODEL"]
