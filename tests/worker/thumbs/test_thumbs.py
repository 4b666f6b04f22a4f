"""Small pictures: how large, what they are kept as, and what cannot be made."""

import asyncio
import io
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from catalog.db.database import Database
from catalog.db.tables import Photo
from catalog.photos import files
from catalog.query import hits
from catalog.query.pages import Position
from catalog.web.services import ThumbBusyError, ThumbFailedError, ThumbKey
from tests.support import catalogue, photos
from worker.images import Limits
from worker.serving import thumbs
from worker.serving.thumbs import ThumbMaker
from worker.thumbs import rendering
from worker.thumbs.store import ThumbStore

SHA = "ab" * 32


@pytest.mark.parametrize(
    ("size", "wanted", "fitted"),
    [
        ((6000, 4000), 240, (360, 240)),
        ((4000, 6000), 360, (240, 360)),
        ((100, 50), 240, (100, 50)),
        ((6000, 4000), 1600, (1600, 1067)),
        ((60_000, 1000), 240, (1920, 32)),
        ((1, 60_000), 240, (0.004, 240)),
    ],
)
def test_a_picture_is_as_large_as_it_is_shown(size, wanted, fitted):
    assert rendering.fit(size, wanted) == pytest.approx(fitted, rel=0.01)


def test_a_picture_is_upright_and_carries_nothing_of_the_file(tmp_path: Path):
    file = tmp_path / "a.jpg"
    block = photos.exif(6, {315: "Anna"})
    photos.turned(photos.scene(), 6).save(file, exif=block)

    content = rendering.render(file, 240, "webp", Limits())

    image = Image.open(io.BytesIO(content))
    assert (image.format, image.size) == ("WEBP", (320, 240))
    assert not image.getexif()
    assert b"Anna" not in content
    red = image.convert("RGB").getpixel((40, 40))
    assert red == pytest.approx(photos.RED, abs=12)


def test_the_pictures_used_longest_ago_make_room(tmp_path: Path):
    store = ThumbStore(tmp_path, max_bytes=250)
    keys = [ThumbKey(f"{n:02x}" * 32, 240) for n in range(3)]
    for number, key in enumerate(keys):
        store.keep(key, b"x" * 100)
        [file] = tmp_path.rglob(f"{key.sha256}*")
        os.utime(file, (1000 + number, 1000 + number))
        assert file.stat().st_mode & 0o777 == 0o600
    assert store.find(keys[0]) is not None  # used now

    assert store.make_room() == 1

    assert [store.has(key) for key in keys] == [True, False, True]


def test_a_cache_that_cannot_be_written_keeps_nothing(tmp_path: Path):
    file = tmp_path / "file"
    file.write_bytes(b"")
    store = ThumbStore(file / "thumbs")
    store.keep(ThumbKey(SHA, 240), b"x")
    assert store.find(ThumbKey(SHA, 240)) is None


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A maker whose pictures are made in this process: a call of `render` each."""
    made = ThumbMaker(ThumbStore(tmp_path / "thumbs"), max_pixels=10**9, max_bytes=10**9)
    calls: list[Path] = []

    async def render(key: ThumbKey, place: Path) -> tuple[bytes, bytes]:
        calls.append(place)
        await asyncio.sleep(0)
        return rendering.render(place, key.size, key.format, Limits()), b"hash"

    monkeypatch.setattr(made, "_render", render)
    return made, calls


def test_a_picture_is_made_once_for_all_who_ask(maker, tmp_path: Path):
    made, calls = maker
    file = tmp_path / "a.jpg"
    photos.scene().save(file)
    key = ThumbKey(SHA, 240)

    async def ask() -> list[bytes]:
        return await asyncio.gather(*(made.make(key, [file]) for _ in range(5)))

    pictures = asyncio.run(ask())

    assert calls == [file]
    assert len(set(pictures)) == 1
    assert made.find(key) == pictures[0]


def test_a_copy_is_shown_where_a_file_is_broken_and_a_failure_is_remembered(maker, tmp_path: Path):
    made, calls = maker
    broken, good = tmp_path / "broken.jpg", tmp_path / "good.jpg"
    broken.write_bytes(b"not a photo")
    photos.scene().save(good)

    assert asyncio.run(made.make(ThumbKey(SHA, 240), [broken, good]))
    with pytest.raises(ThumbFailedError, match=r"broken\.jpg"):
        asyncio.run(made.make(ThumbKey("cd" * 32, 240), [broken]))
    calls.clear()
    with pytest.raises(ThumbFailedError, match=r"broken\.jpg"):
        asyncio.run(made.make(ThumbKey("cd" * 32, 360), [broken]))
    assert calls == []


def test_what_a_photo_looks_like_is_stored_once_a_while(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(thumbs, "_COLLECT_S", 0.0)
    file = tmp_path / "a.jpg"
    photos.scene().save(file)
    with database.write() as session:
        [photo_id] = catalogue.add_photos(session, "a.jpg")
        sha256 = session.get_one(Photo, photo_id).sha256

    def note(hashes: Mapping[bytes, bytes]) -> None:
        with database.write() as session:
            files.note_thumbhashes(session, hashes)

    made = ThumbMaker(ThumbStore(tmp_path), max_pixels=10**9, max_bytes=10**9, note=note)

    async def render(key: ThumbKey, place: Path) -> tuple[bytes, bytes]:
        content = rendering.render(place, key.size, key.format, Limits())
        return content, rendering.hash_of(content)

    monkeypatch.setattr(made, "_render", render)

    async def ask() -> None:
        await made.make(ThumbKey(sha256.hex(), 240), [file])
        assert made._noting is not None
        await made._noting

    asyncio.run(ask())
    with database.read() as session:
        [hit] = hits.load(session, [Position(None, photo_id)])
    assert hit.thumbhash is not None
    assert 5 < len(hit.thumbhash) <= 33


def test_too_many_pictures_at_once_are_refused(maker, monkeypatch: pytest.MonkeyPatch):
    made, _ = maker
    monkeypatch.setattr(thumbs, "MAX_WAITING", 0)
    with pytest.raises(ThumbBusyError, match="ask again"):
        asyncio.run(made.make(ThumbKey(SHA, 240), []))


@pytest.mark.slow
def test_pictures_are_made_in_another_process(tmp_path: Path):
    file = tmp_path / "a.jpg"
    photos.scene().save(file)
    made = ThumbMaker(
        ThumbStore(tmp_path / "thumbs"), max_pixels=10**9, max_bytes=10**9, processes=1
    )
    try:
        content = asyncio.run(made.make(ThumbKey(SHA, 240, "jpeg"), [file]))
    finally:
        made.close()
    assert Image.open(io.BytesIO(content)).size == (320, 240)
