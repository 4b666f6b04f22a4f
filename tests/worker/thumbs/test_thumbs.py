"""Small pictures: how large, what they are kept as, and what cannot be made."""

import asyncio
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog.db.database import Database
from catalog.db.tables import Photo
from catalog.photos import files
from catalog.query import hits
from catalog.query.pages import Position
from catalog.web.services import ThumbBusyError, ThumbFailedError, ThumbFormat, ThumbKey, ThumbSize
from tests.support import catalogue, decoding_jobs, photos
from worker import images
from worker.decoding.guards import Guards
from worker.decoding.jobs import Opened
from worker.decoding.pool import Decoders
from worker.errors import PhotoStalledError
from worker.images import Limits, Preprocess, memory
from worker.serving import thumbs
from worker.serving.thumbs import ThumbMaker
from worker.settings import Settings
from worker.thumbs import rendering
from worker.thumbs.store import ThumbStore

SHA = "ab" * 32
WANTED = Preprocess(224, (0.0,) * 3, (1.0,) * 3)


def render(file: Path, size: ThumbSize, form: ThumbFormat = "webp") -> tuple[bytes, bytes]:
    return rendering.render(file, size, form, Limits(), memory.reserve_nothing)


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

    content, _ = render(file, 240)

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
    made = ThumbMaker(ThumbStore(tmp_path / "thumbs"), Settings())
    calls: list[Path] = []

    def here(key: ThumbKey, place: Path) -> tuple[bytes, bytes]:
        calls.append(place)
        return render(place, key.size, key.format)

    monkeypatch.setattr(made, "_open", here)
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

    made = ThumbMaker(ThumbStore(tmp_path), Settings(), note=note)
    monkeypatch.setattr(made, "_open", lambda key, place: render(place, key.size, key.format))

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


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[ThumbMaker]:
    """A maker with one decoding process, which may take a second and 64 MiB for a picture."""
    limits = Settings(decode_seconds=1.0, decode_memory=64 * 1024**2)
    made = ThumbMaker(ThumbStore(tmp_path / "thumbs"), limits, processes=1)
    yield made
    made.close()


def test_decoders_that_crash_or_hang_cost_one_picture(
    guarded: ThumbMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = photos.save(tmp_path / "a.jpg")
    with monkeypatch.context() as patched:
        patched.setattr(rendering, "render", decoding_jobs.crash)
        with pytest.raises(ThumbFailedError, match=r"a\.jpg: its decoder crashed 3 times"):
            asyncio.run(guarded.make(ThumbKey("01" * 32, 240), [file]))
        patched.setattr(rendering, "render", decoding_jobs.compute_for_ever)
        with pytest.raises(ThumbFailedError, match=r"a\.jpg: takes more than 1 s to decode"):
            asyncio.run(guarded.make(ThumbKey("02" * 32, 240), [file]))

    content = asyncio.run(guarded.make(ThumbKey(SHA, 240, "jpeg"), [file]))
    with pytest.raises(ThumbFailedError, match="crashed"):  # not tried again
        asyncio.run(guarded.make(ThumbKey("01" * 32, 360), [file]))

    assert Image.open(io.BytesIO(content)).size == (320, 240)


def test_a_picture_that_needs_too_much_memory_is_refused_by_its_header(
    guarded: ThumbMaker, tmp_path: Path
):
    file = tmp_path / "huge.webp"
    file.write_bytes(photos.lossless_webp(10_000, 10_000))
    with pytest.raises(ThumbFailedError, match=r"huge\.webp: needs .* MiB of memory to decode"):
        asyncio.run(guarded.make(ThumbKey(SHA, 240), [file]))


def test_a_photo_whose_disk_does_not_answer_is_tried_again_soon(
    maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made, _ = maker
    now = [0.0]
    monkeypatch.setattr(thumbs.time, "monotonic", lambda: now[0])

    def stall(key: ThumbKey, place: Path) -> tuple[bytes, bytes]:
        raise PhotoStalledError("a.jpg: was not read", is_to_blame=False)

    file = photos.save(tmp_path / "a.jpg")
    with monkeypatch.context() as patched:
        patched.setattr(made, "_open", stall)
        with pytest.raises(ThumbFailedError, match="not read"):
            asyncio.run(made.make(ThumbKey(SHA, 240), [file]))
    with pytest.raises(ThumbFailedError, match="not read"):
        asyncio.run(made.make(ThumbKey(SHA, 240), [file]))
    now[0] = thumbs.FORGIVE_STALLED_S + 1

    assert asyncio.run(made.make(ThumbKey(SHA, 240), [file]))


def test_a_photo_that_lost_rows_has_a_picture_where_such_photos_are_tagged(tmp_path: Path):
    file = photos.save(tmp_path / "a.jpg")
    file.write_bytes(file.read_bytes()[:-200])
    made = ThumbMaker(ThumbStore(tmp_path / "thumbs"), Settings(truncated="tag"), processes=1)
    try:
        assert asyncio.run(made.make(ThumbKey(SHA, 240), [file]))
    finally:
        made.close()


def test_pictures_are_made_in_the_pool_of_a_process_that_tags_and_leave_it_open(tmp_path: Path):
    file = photos.save(tmp_path / "a.jpg")
    with Decoders(Guards(processes=1)) as decoders:
        made = ThumbMaker(ThumbStore(tmp_path / "thumbs"), Settings(), shared=lambda: decoders)
        assert asyncio.run(made.make(ThumbKey(SHA, 240), [file]))
        made.close()

        assert len(decoders.process_ids()) == 1
        assert not decoders.is_closed


def open_for_tagging(file: Path) -> tuple[Opened, tuple[bytes, bytes] | None]:
    return rendering.open_photo(file, WANTED, Limits(), memory.reserve_nothing)


def test_a_photo_that_is_tagged_has_its_picture_made_beside(tmp_path: Path):
    file = photos.save(tmp_path / "a.jpg", photos.scene(1200, 900), exif=photos.exif(6))

    opened, picture = open_for_tagging(file)

    alone = images.decode(file, WANTED)
    assert opened.decoded is not None
    assert (opened.decoded.pixels == alone.pixels).all()
    assert picture is not None
    asked, thumbhash = render(file, 360)
    image, expected = (Image.open(io.BytesIO(each)).convert("RGB") for each in (picture[0], asked))
    assert image.size == expected.size == (270, 360)
    assert np.abs(np.asarray(image, int) - np.asarray(expected, int)).mean() < 2
    assert len(picture[1]) == len(thumbhash)


def test_a_picture_for_which_the_model_sees_too_few_pixels_waits_until_it_is_asked_for(
    tmp_path: Path,
):
    file = photos.save(tmp_path / "a.jpg", photos.scene(3000, 2400))
    tiny = Preprocess(32, (0.0,) * 3, (1.0,) * 3)
    opened, picture = rendering.open_photo(file, tiny, Limits(), memory.reserve_nothing)
    assert opened.decoded is not None
    assert picture is None


def test_a_picture_that_cannot_be_made_costs_no_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(rendering, "encode", fail)
    opened, picture = open_for_tagging(photos.save(tmp_path / "a.jpg", photos.scene(1200, 900)))
    assert opened.decoded is not None
    assert picture is None


def test_a_picture_that_is_as_quickly_made_later_is_not_made_while_tagging(tmp_path: Path):
    opened, picture = open_for_tagging(photos.save(tmp_path / "a.jpg", photos.scene(1200, 800)))
    assert opened.decoded is not None
    assert picture is None


def test_a_smaller_picture_is_made_from_the_one_that_tagging_made(maker, tmp_path: Path):
    made, calls = maker
    file = photos.save(tmp_path / "a.jpg", photos.scene(1200, 900))
    store = ThumbStore(tmp_path / "thumbs")
    store.keep(ThumbKey(SHA, 360), render(file, 360)[0])

    content = asyncio.run(made.make(ThumbKey(SHA, 240, "jpeg"), [file]))

    assert calls == [store.path_of(ThumbKey(SHA, 360))]
    assert Image.open(io.BytesIO(content)).size == (320, 240)
