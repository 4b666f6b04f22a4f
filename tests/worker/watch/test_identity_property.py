"""Whatever is done to photos, decisions are where the rules want them: with the picture."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import exists, select

from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoFile, PhotoTag, Tag
from catalog.photos import files
from catalog.tags import decisions
from tests.support import folders, photos
from tests.support.catalogue import NOW

_NAMES = ["a.jpg", "b.jpg", "d/c.jpg"]
_WORDS = ["Mimi", "Berlin", "animal"]
_count = itertools.count()

name = st.sampled_from(_NAMES)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("edit_metadata"), name),
        st.tuples(st.just("edit_picture"), name),
        st.tuples(st.just("move"), name, name),
        st.tuples(st.just("copy"), name, name),
        st.tuples(st.just("delete"), name),
        st.tuples(st.just("add"), name, st.sampled_from(_WORDS)),
        st.tuples(st.just("reject"), name, st.sampled_from(_WORDS)),
    ),
    max_size=14,
)


@dataclass(eq=False)
class Expected:
    """A photo by the rules: what it shows, and what was decided about it."""

    picture: int
    said: dict[str, str] = field(default_factory=dict)


def jpeg(picture: int, note: int) -> bytes:
    """A JPEG of a picture, with a comment in it."""
    noise = np.random.default_rng(picture).integers(0, 255, (8, 8, 3), np.uint8)
    whole = photos.jpeg_bytes(Image.fromarray(noise))
    comment = str(note).encode()
    return whole[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + whole[2:]


@dataclass
class World:
    """A folder, its catalogue, and what the rules say of both; older photos come first."""

    place: folders.Folder
    lying: dict[str, Expected] = field(default_factory=dict)
    known: list[Expected] = field(default_factory=list)

    def edit_metadata(self, name: str) -> None:
        if name not in self.lying:
            return
        photo = self.lying[name]
        self._write(name, photo.picture)
        if list(self.lying.values()).count(photo) > 1:  # the other file has the old bytes
            self._put(name, self._new(photo.picture, photo))

    def edit_picture(self, name: str) -> None:
        """Write another picture; where none lay, it is a new photo."""
        picture, former = next(_count), self.lying.get(name)
        self._write(name, picture)
        self.lying[name] = self._new(picture, former)

    def move(self, name: str, target: str) -> None:
        if name in self.lying and name != target:
            (self.place.top / name).replace(self.place.top / target)
            self._put(target, self.lying[name])
            self._put(name, None)

    def copy(self, name: str, target: str) -> None:
        if name in self.lying and name != target:
            self.place.write(target, (self.place.top / name).read_bytes())
            self._put(target, self.lying[name])

    def delete(self, name: str) -> None:
        if name in self.lying:
            (self.place.top / name).unlink()
            self._put(name, None)

    def add(self, name: str, word: str) -> None:
        self._decide(name, word, "confirmed")

    def reject(self, name: str, word: str) -> None:
        self._decide(name, word, "rejected")

    def found(self) -> dict[str, dict[str, str]]:
        """Return what the catalogue says was decided about the photo at each path."""
        query = (
            select(PhotoFile.path, Tag.name, PhotoTag.decision)
            .join(PhotoTag, PhotoTag.photo_id == PhotoFile.photo_id, isouter=True)
            .join(Tag, Tag.id == PhotoTag.tag_id, isouter=True)
            .where(PhotoFile.root_id == self.place.root.id, PhotoFile.missing_since.is_(None))
        )
        said: dict[str, dict[str, str]] = {}
        with self.place.database.read() as session:
            for path, word, decision in session.execute(query):
                words = said.setdefault(path, {})
                if decision is not None:
                    words[word] = decision.value
        return said

    def _write(self, name: str, picture: int) -> None:
        self.place.write(name, jpeg(picture, next(_count)))

    def _new(self, picture: int, former: Expected | None) -> Expected:
        photo = Expected(picture, dict(former.said) if former else {})
        self.known.append(photo)
        return photo

    def _put(self, name: str, photo: Expected | None) -> None:
        """Let a photo lie at a path, or none; the last file of a picture leaves its decisions."""
        lost = self.lying.pop(name, None)
        if photo is not None:
            self.lying[name] = photo
        if lost is None or lost in self.lying.values():
            return
        twins = [p for p in self.known if p in self.lying.values() and p.picture == lost.picture]
        if twins:
            twins[0].said = lost.said | twins[0].said

    def _decide(self, name: str, word: str, decision: str) -> None:
        photo_id = self.place.photo_ids().get(name)
        if name in self.lying and photo_id is not None:
            decide = decisions.add if decision == "confirmed" else decisions.reject
            with self.place.database.write() as session:
                decide(session, [photo_id], [word], now=NOW)
            self.lying[name].said[word] = decision


@pytest.fixture
def make_world(database: Database, tmp_path: Path) -> Iterator[Callable[[], World]]:
    def make() -> World:
        world = World(folders.open_folder(database, tmp_path / str(next(_count)) / "photos"))
        (world.place.top / "d").mkdir()
        (world.place.top / "stays.jpg").write_text("an empty root is taken for one that is away")
        world.place.compare()
        return world

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "REPLACED_WITHIN_S", -1.0)  # a file that is gone was deleted
        yield make


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
def test_decisions_stay_with_the_picture(
    make_world: Callable[[], World], steps: list[tuple[str, ...]]
) -> None:
    world = make_world()
    for what, *names in [("edit_picture", "a.jpg"), *steps]:
        getattr(world, what)(*names)
        world.place.compare()

    found = world.found()
    del found["stays.jpg"]
    assert found == {name: photo.said for name, photo in world.lying.items()}
    _check_notes(world.place.database)


def _check_notes(database: Database) -> None:
    """Check that exactly those photos lie somewhere that have a file, and none has a successor."""
    lies = exists().where(PhotoFile.photo_id == Photo.id, PhotoFile.missing_since.is_(None))
    with database.read() as session:
        noted = session.execute(select(Photo.missing_since, Photo.superseded_by_id, lies)).all()
    assert all((missing is None) == is_there for missing, _, is_there in noted)
    assert not any(heir is not None and is_there for _, heir, is_there in noted)
