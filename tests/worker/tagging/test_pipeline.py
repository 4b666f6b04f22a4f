"""From claimed rows to tag rows: batches, bad photos, lost leases, and what it costs in SQL."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import event, select, update

from catalog import query
from catalog.db.database import Database
from catalog.db.tables import Embedding, Photo, PhotoState, PhotoTag
from catalog.photos import lifecycle
from catalog.tags import results, store, taggers
from catalog.web.services import ThumbKey
from tests.support import decoding_jobs, photos
from tests.support.catalogue import TAGGER
from tests.support.kadr import eventually
from worker.decoding.guards import Guards
from worker.decoding.jobs import Opened
from worker.decoding.pool import Decoders
from worker.images import Preprocess
from worker.tagging import retag
from worker.tagging.pipeline import Pipeline, PipelineSettings
from worker.tagging.stages import Stages
from worker.tagging.tagger import Tagger
from worker.thumbs.store import ThumbStore
from worker.watch import ingest, roots, scan

DIM = 4


class ColourEncoder:
    """Encodes a photo as its mean colour: as good as any model where the mechanics matter."""

    preprocess = Preprocess(size=8, mean=(0.5,) * 3, std=(0.5,) * 3)

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        self.batches.append(len(pixels))
        colours = pixels.reshape(len(pixels), -1, 3).mean(axis=1)
        if (colours > 250).all(axis=1).any():
            raise RuntimeError("out of memory")
        vectors = np.concatenate([colours, np.full((len(colours), 1), 10.0)], axis=1)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class MeetingEncoder(ColourEncoder):
    """Has its first batch in hand only when another encoder has one too."""

    def __init__(self, both: threading.Barrier) -> None:
        super().__init__()
        self._both = both

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        if not self.batches:
            self._both.wait()
        return super().encode_images(pixels)


class FaultyDecoders(Decoders):
    """Decoders that fail with photos of some names."""

    JOBS = (
        ("slow", decoding_jobs.compute_for_ever),
        ("hung", decoding_jobs.wait_for_ever),
        ("crash", decoding_jobs.crash),
    )

    def open_photo(self, path: Path, wanted: Preprocess) -> Opened:
        for name, job in self.JOBS:
            if path.name.startswith(name):
                return self.run(job, path)
        return super().open_photo(path, wanted)


class ColourScorer:
    words = ("red", "green", "blue")

    def __init__(self, top_k: int = 3) -> None:
        self.top_k = top_k

    def score(self, vectors: np.ndarray) -> list[tuple[results.ScoredTag, ...]]:
        return [
            tuple(
                results.ScoredTag(self.words[n], float(v[n]), float(v[n]), float(abs(v[n])))
                for n in np.argsort(-v[:3])[: self.top_k]
            )
            for v in vectors
        ]


@pytest.fixture
def encoder() -> ColourEncoder:
    return ColourEncoder()


@pytest.fixture
def pipeline(database: Database, encoder: ColourEncoder, decoders: Decoders) -> Pipeline:
    return Pipeline(
        database, *make_tagger(database, encoder), PipelineSettings(batch_size=4), decoders
    )


def make_tagger(database: Database, encoder: ColourEncoder, **changes: str) -> tuple[Tagger, int]:
    """Register a tagger that differs from `TAGGER` in `changes`; return it with its id."""
    made = Tagger(encoder, ColourScorer(), replace(TAGGER, **changes), {})
    with database.write() as session:
        return made, taggers.ensure_tagger(session, made.spec)


def add(
    database: Database, folder: Path, count: int, size: tuple[int, int] = (20, 16)
) -> list[int]:
    """Put photos of different colours into a folder and register them."""
    folder.mkdir(exist_ok=True)
    for n in range(count):
        Image.new("RGB", size, (n * 5 % 250, n % 250, 90)).save(folder / f"{n:03}.png")
    return register(database, folder)


def add_as(database: Database, folder: Path, name: str) -> list[int]:
    """Put a photo of a name into a folder and register it."""
    Image.new("RGB", (20, 16), (1, 2, 3)).save(folder / name)
    return register(database, folder)


def make_pipeline(database: Database, encoder: ColourEncoder, decoders: Decoders) -> Pipeline:
    return Pipeline(
        database, *make_tagger(database, encoder), PipelineSettings(batch_size=4), decoders
    )


def register(database: Database, folder: Path) -> list[int]:
    [watched] = roots.register(database, [str(folder)])
    found: list[int] = []
    for changed in scan.find_changes(database, watched.root):
        ingest.take_files(database, watched.root, changed, lambda ids: not found.extend(ids))
    return found


def states(database: Database) -> dict[str, int]:
    with database.read() as session:
        found = session.scalars(select(Photo.state)).all()
    return {state.value: found.count(state) for state in set(found)}


def test_photos_are_tagged_batch_by_batch(
    database: Database, pipeline: Pipeline, encoder: ColourEncoder, tmp_path: Path
):
    photo_ids = add(database, tmp_path / "photos", 10)

    outcome = pipeline.tag_photos(photo_ids)

    assert outcome.tagged == 10
    assert encoder.batches == [4, 4, 2]
    assert states(database) == {"tagged": 10}
    with database.read() as session:
        assert len(session.scalars(select(Embedding.photo_id)).all()) == 10
        assert len(session.scalars(select(PhotoTag.photo_id)).all()) == 30


def test_what_is_overtaken_finishes_its_batches_and_gives_the_rest_back(
    database: Database, pipeline: Pipeline, encoder: ColourEncoder, tmp_path: Path
):
    photo_ids = add(database, tmp_path / "photos", 15)
    asked: list[int] = []

    def is_overtaken() -> bool:
        asked.append(len(asked))
        return len(asked) == 2

    outcome = pipeline.tag_photos(photo_ids, is_overtaken=is_overtaken)

    assert encoder.batches == [4, 4]
    assert len(asked) == 2
    assert states(database) == {"tagged": 8, "pending": 7}
    with database.read() as session:
        pending = session.scalars(select(Photo.id).where(Photo.state == PhotoState.PENDING)).all()
    assert sorted(outcome.left) == sorted(pending)


def test_a_photo_is_tagged_once_however_often_it_is_rung_for(
    database: Database, pipeline: Pipeline, encoder: ColourEncoder, tmp_path: Path
):
    photo_ids = add(database, tmp_path / "photos", 3)

    for _ in range(3):
        pipeline.tag_photos(photo_ids)

    assert sum(encoder.batches) == 3


def test_one_bad_photo_costs_one_photo(database: Database, pipeline: Pipeline, tmp_path: Path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff no")
    photo_ids = add(database, folder, 5)

    outcome = pipeline.tag_photos(photo_ids)

    assert (outcome.tagged, outcome.quarantined) == (5, 1)
    with database.read() as session:
        [bad] = session.scalars(select(Photo).where(Photo.state == PhotoState.QUARANTINED))
    assert (bad.failure or "").startswith("bad.jpg: ")


def test_a_batch_is_recorded_while_one_of_its_photos_takes_long(
    database: Database, encoder: ColourEncoder, tmp_path: Path
):
    photo_ids = add(database, tmp_path / "photos", 9)
    (slow,) = add_as(database, tmp_path / "photos", "slow.png")
    with FaultyDecoders(Guards(seconds=600.0, processes=2)) as faulty:
        pipeline = make_pipeline(database, encoder, faulty)
        working = threading.Thread(target=pipeline.tag_photos, args=([slow, *photo_ids],))
        working.start()

        eventually(lambda: states(database) == {"tagged": 9, "leased": 1})
        pipeline.stopping.set()
        faulty.close()
        working.join(60)

    assert states(database) == {"tagged": 9, "pending": 1}
    with database.read() as session:
        attempts = session.scalars(select(Photo.attempts).where(Photo.id == slow)).one()
    assert attempts == 0


def test_a_photo_that_crashes_its_decoder_costs_one_photo_at_once(
    database: Database, encoder: ColourEncoder, tmp_path: Path
):
    photo_ids = add(database, tmp_path / "photos", 5)
    photo_ids += add_as(database, tmp_path / "photos", "crash.png")
    with FaultyDecoders(Guards(processes=2)) as faulty:
        outcome = make_pipeline(database, encoder, faulty).tag_photos(photo_ids)

    assert (outcome.tagged, outcome.quarantined) == (5, 1)
    with database.read() as session:
        [bad] = session.scalars(select(Photo).where(Photo.state == PhotoState.QUARANTINED))
    assert "crash.png: its decoder crashed 3 times" in (bad.failure or "")


def test_a_photo_whose_decoder_hangs_is_tried_three_times(
    database: Database, encoder: ColourEncoder, tmp_path: Path
):
    add(database, tmp_path / "photos", 1)
    photo_ids = add_as(database, tmp_path / "photos", "hung.png")
    with FaultyDecoders(Guards(seconds=0.3, processes=1)) as faulty:
        pipeline = make_pipeline(database, encoder, faulty)

        outcomes = [pipeline.tag_photos(photo_ids) for _ in range(3)]

    assert [(each.postponed, each.quarantined) for each in outcomes] == [(1, 0), (1, 0), (0, 1)]


def test_a_photo_that_the_model_fails_on_is_found_by_halving(
    database: Database, pipeline: Pipeline, tmp_path: Path
):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (20, 16), "white").save(folder / "white.png")
    photo_ids = add(database, folder, 7)

    outcome = pipeline.tag_photos(photo_ids)

    assert (outcome.tagged, outcome.quarantined) == (7, 1)
    with database.read() as session:
        [bad] = session.scalars(select(Photo).where(Photo.state == PhotoState.QUARANTINED))
    assert "the model failed on it" in (bad.failure or "")


def test_a_result_whose_lease_was_lost_is_dropped(
    database: Database, pipeline: Pipeline, encoder: ColourEncoder, tmp_path: Path
):
    photo_ids = add(database, tmp_path / "photos", 2)
    encode = encoder.encode_images

    def encode_slowly(pixels: np.ndarray) -> np.ndarray:
        with database.write() as session:
            later = datetime.now(UTC) + timedelta(hours=1)
            lifecycle.sweep(session, now=later)
            lifecycle.claim_photos(session, photo_ids, limit=9, lease_s=60, now=later)
        return encode(pixels)

    encoder.encode_images = encode_slowly  # type: ignore[method-assign]

    outcome = pipeline.tag_photos(photo_ids)

    assert outcome.tagged == 0
    with database.read() as session:
        assert session.scalars(select(PhotoTag.photo_id)).all() == []


def test_a_pipeline_that_is_stopped_gives_the_next_batch_back(
    database: Database, pipeline: Pipeline, encoder: ColourEncoder, tmp_path: Path
):
    photo_ids = add(database, tmp_path / "photos", 12)
    encode = encoder.encode_images

    def stop_meanwhile(pixels: np.ndarray) -> np.ndarray:
        pipeline.stopping.set()
        return encode(pixels)

    encoder.encode_images = stop_meanwhile  # type: ignore[method-assign]

    outcome = pipeline.tag_photos(photo_ids)

    assert outcome.tagged == 4
    assert states(database) == {"tagged": 4, "pending": 8}
    with database.read() as session:
        attempts = session.scalars(
            select(Photo.attempts).where(Photo.state == PhotoState.PENDING)
        ).all()
    assert set(attempts) == {0}


def test_a_file_that_is_away_waits_without_a_failed_attempt(
    database: Database, pipeline: Pipeline, tmp_path: Path
):
    photo_ids = add(database, tmp_path / "photos", 1)
    (tmp_path / "photos" / "000.png").rename(tmp_path / "away.png")

    outcome = pipeline.tag_photos(photo_ids)

    assert outcome.postponed == 1
    (tmp_path / "away.png").rename(tmp_path / "photos" / "000.png")
    assert pipeline.tag_photos(photo_ids).tagged == 1


def test_two_pipelines_share_the_work_and_no_photo(
    database: Database, encoder: ColourEncoder, tmp_path: Path, decoders: Decoders
):
    photo_ids = add(database, tmp_path / "photos", 40)
    both = threading.Barrier(2, timeout=60)
    encoders = [MeetingEncoder(both), MeetingEncoder(both)]
    pipelines = [
        Pipeline(database, *make_tagger(database, each), PipelineSettings(batch_size=3), decoders)
        for each in encoders
    ]

    threads = [threading.Thread(target=each.tag_photos, args=(photo_ids,)) for each in pipelines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(sum(each.batches) for each in encoders) == 40
    assert not both.broken
    assert states(database) == {"tagged": 40}


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("count", [4, 32])
def test_a_batch_costs_the_same_statements_however_large(
    database: Database,
    encoder: ColourEncoder,
    tmp_path: Path,
    statements: list[str],
    count: int,
    decoders: Decoders,
):
    photo_ids = add(database, tmp_path / "photos", count)
    pipeline = Pipeline(
        database, *make_tagger(database, encoder), PipelineSettings(batch_size=32), decoders
    )
    statements.clear()

    pipeline.tag_photos(photo_ids)

    assert len([each for each in statements if not each.startswith(("BEGIN", "SAVEPOINT"))]) <= 32


def test_retag_scores_stored_vectors_and_keeps_decisions(
    database: Database, pipeline: Pipeline, encoder: ColourEncoder, tmp_path: Path
):
    photo_ids = add(database, tmp_path / "photos", 5)
    pipeline.tag_photos(photo_ids)
    with database.write() as session:
        ids = store.find_tag_ids(session, ["red", "blue"])
        session.execute(
            update(PhotoTag)
            .where(PhotoTag.photo_id == photo_ids[0], PhotoTag.tag_id == ids["red"])
            .values(decision="rejected")
        )
    encoded = list(encoder.batches)
    other = make_tagger(database, encoder, prompt_digest="9" * 64)

    done = retag.retag(database, *other)
    again = retag.retag(database, *other)

    assert (done.scored, done.to_encode, again.scored) == (5, 0, 0)
    assert encoder.batches == encoded
    with database.read() as session:
        rejected = session.scalars(select(PhotoTag).where(PhotoTag.decision == "rejected")).all()
        taggers = set(session.scalars(select(PhotoTag.tagger_id)))
    assert [(row.photo_id, row.tag_id) for row in rejected] == [(photo_ids[0], ids["red"])]
    assert taggers == {other[1]}


def test_retag_by_another_model_asks_for_the_photos(
    database: Database,
    pipeline: Pipeline,
    encoder: ColourEncoder,
    tmp_path: Path,
    decoders: Decoders,
):
    photo_ids = add(database, tmp_path / "photos", 3)
    pipeline.tag_photos(photo_ids)
    other = make_tagger(database, encoder, model="other", model_digest="e" * 64)

    done = retag.retag(database, *other)

    assert (done.scored, done.to_encode) == (0, 3)
    assert states(database) == {"pending": 3}
    again = Pipeline(database, *other, PipelineSettings(), decoders)
    assert again.tag_photos(photo_ids).tagged == 3


def test_what_a_quarantined_files_metadata_says_is_kept(
    database: Database, pipeline: Pipeline, tmp_path: Path
):
    folder = tmp_path / "photos"
    folder.mkdir()
    whole = photos.jpeg_bytes(xmp=photos.xmp(["holiday"], date="2020-10-18T12:00:00"))
    (folder / "cut.jpg").write_bytes(whole[: whole.rindex(b"\xff\xda") + 14])

    outcome = pipeline.tag_photos(register(database, folder))

    assert outcome.quarantined == 1
    with database.read() as session:
        photo = session.scalars(select(Photo)).one()
        assert str(photo.taken_at) == "2020-10-18 12:00:00"
        assert query.find_ids(session, "holiday is:failed") == [photo.id]


def test_small_pictures_are_made_and_stages_timed_while_tagging(
    database: Database, encoder: ColourEncoder, decoders: Decoders, tmp_path: Path
) -> None:
    ids = add(database, tmp_path / "in", 3, size=(1200, 900))
    encoder.preprocess = Preprocess(size=224, mean=(0.5,) * 3, std=(0.5,) * 3)
    pictures = ThumbStore(tmp_path / "thumbs")
    made = make_tagger(database, encoder)

    stages = Stages()
    pipeline = Pipeline(
        database, *made, PipelineSettings(2), decoders, pictures=pictures, stages=stages
    )
    pipeline.tag_photos(ids)

    assert {name: stage.count for name, stage in stages.read().items()} == dict.fromkeys(
        ("decode", "encode", "score", "record"), 2
    )
    with database.read() as session:
        found = session.scalars(select(Photo)).all()
    assert all(pictures.has(ThumbKey(photo.sha256.hex(), 360)) for photo in found)
    assert all(5 < len(photo.thumbhash or b"") <= 33 for photo in found)


def test_photos_are_tagged_though_no_picture_can_be_kept(
    database: Database, encoder: ColourEncoder, decoders: Decoders, tmp_path: Path
) -> None:
    ids = add(database, tmp_path / "in", 2, size=(1200, 900))
    encoder.preprocess = Preprocess(size=224, mean=(0.5,) * 3, std=(0.5,) * 3)
    (tmp_path / "file").touch()
    pictures = ThumbStore(tmp_path / "file" / "thumbs")
    made = make_tagger(database, encoder)

    outcome = Pipeline(database, *made, PipelineSettings(), decoders, pictures=pictures).tag_photos(
        ids
    )

    assert outcome.tagged == 2
