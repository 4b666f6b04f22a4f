"""Search by meaning: exact, combined with keywords, and silent about what is not there."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from catalog.cli import lazy
from catalog.cli.commands import COMMANDS
from catalog.cli.options import Loaders
from catalog.db.database import Database
from catalog.db.tables import Embedding, Model, PhotoTag, Source, Tag
from catalog.errors import ModelMismatchError, NotFoundError
from catalog.similar import directions, exact, vector_file
from catalog.similar.nearest import nearest
from tests import catalogue

DIM = 32


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


class Encoder:
    """Knows one direction, "rain"; every other text lies near one common point, as CLIP's do."""

    digest = "a" * 64

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        random = np.random.default_rng(7)
        common = np.ones(DIM) + 0.2 * random.standard_normal((len(texts), DIM))
        is_rain = np.array([text.startswith("rain") for text in texts])
        return unit(common + 2 * is_rain[:, None] * rain())


def rain() -> NDArray[np.float64]:
    direction = np.zeros(DIM)
    direction[:2] = (3.0, -3.0)
    return direction


@pytest.fixture
def photos(database: Database) -> list[int]:
    """Two hundred photos that look like nothing in particular; the first five look like rain."""
    random = np.random.default_rng(3)
    vectors = random.standard_normal((200, DIM))
    vectors[:5] += 4 * rain()
    with database.write() as session:
        ids = catalogue.add_photos(session, *(f"{n}.jpg" for n in range(200)))
        catalogue.tag_photo(session, ids[0], {"even": 0.5, "odd": 0.5})
        store(session, ids, unit(vectors))
    return ids


def store(session: Session, ids: list[int], vectors: NDArray[np.float32]) -> None:
    """Give each photo its vector, and the keyword `even` or `odd` by its place in the list."""
    for table in (Embedding, PhotoTag):
        session.execute(delete(table))
    session.execute(update(Model).values(dim=DIM))
    model_id = session.scalars(select(Model.id)).one()
    names = dict(session.execute(select(Tag.name, Tag.id)).all())
    rows = [
        {"photo_id": photo_id, "tag_id": names["odd" if n % 2 else "even"], "confidence": 0.5}
        for n, photo_id in enumerate(ids)
    ]
    session.execute(insert(PhotoTag), [row | {"source": Source.CLIP} for row in rows])
    session.execute(
        insert(Embedding),
        [
            {"model_id": model_id, "photo_id": photo_id, "vector": vector}
            for photo_id, vector in zip(ids, vectors, strict=True)
        ],
    )


def _open(database: Database, folder: Path) -> vector_file.VectorFile:
    with database.read() as session:
        return vector_file.open_index(session, folder)


def test_what_looks_like_the_text_is_found_and_nothing_else(
    database: Database, photos: list[int], tmp_path: Path
) -> None:
    index = _open(database, tmp_path)
    direction = directions.encode_query(Encoder(), "rain at night", index.model)
    found = exact.find_nearest(index.photo_ids, index.vectors, direction)
    assert {match.photo_id for match in found} == set(photos[:5])
    assert found == sorted(found, key=lambda match: -match.similarity)


def test_what_is_not_there_is_not_found(
    database: Database, photos: list[int], tmp_path: Path
) -> None:
    index = _open(database, tmp_path)
    random = np.random.default_rng(11)
    hits = [
        len(exact.find_nearest(index.photo_ids, index.vectors, direction))
        for direction in unit(random.standard_normal((50, DIM)))
    ]
    assert sum(hit == 0 for hit in hits) >= 40


def test_nearest_are_those_of_a_plain_matrix_product(
    database: Database, photos: list[int], tmp_path: Path
) -> None:
    index = _open(database, tmp_path)
    direction = unit(np.random.default_rng(5).standard_normal(DIM))
    expected = np.asarray(index.vectors, dtype=np.float32) @ direction
    best = np.argsort(-expected)[:10]
    found = exact.find_nearest(index.photo_ids, index.vectors, direction, limit=10, cut=False)
    assert [match.photo_id for match in found] == index.photo_ids[best].tolist()
    np.testing.assert_allclose([m.similarity for m in found], expected[best], rtol=1e-5)


def test_new_vectors_are_appended_and_gone_ones_passed_over(
    database: Database, photos: list[int], tmp_path: Path
) -> None:
    _open(database, tmp_path)
    with database.write() as session:
        session.execute(delete(Embedding).where(Embedding.photo_id == photos[0]))
        ids = catalogue.add_photos(session, "new.jpg")
        model_id = session.scalars(select(Model.id)).one()
        vector = unit(rain())
        session.add(Embedding(model_id=model_id, photo_id=ids[0], vector=vector))
    index = _open(database, tmp_path)
    found = exact.find_nearest(index.photo_ids, index.vectors, unit(rain()), limit=1, cut=False)
    assert [match.photo_id for match in found] == ids
    assert photos[0] not in index.photo_ids
    assert len(index.vectors) == len(photos) + 1


def test_text_of_another_model_is_refused(
    database: Database, photos: list[int], tmp_path: Path
) -> None:
    index = _open(database, tmp_path)
    other = Encoder()
    other.digest = "b" * 64
    with pytest.raises(ModelMismatchError, match="by another model"):
        directions.encode_query(other, "rain", index.model)


def test_catalogue_without_vectors_says_so(database: Database, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="kadr tag"):
        _open(database, tmp_path)


def test_commands_combine_looks_and_keywords(
    database: Database,
    database_url: str,
    photos: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KADR_DATABASE_URL", database_url)
    monkeypatch.setenv("KADR_CACHE_DIR", str(tmp_path))
    app = lazy.build(COMMANDS, Loaders(lambda _: Encoder()))

    def ids(*arguments: str) -> list[int]:
        output = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False).output
        return [photo["id"] for photo in json.loads(output)["photos"]]

    assert set(ids("search", "--like", "rain")) == set(photos[:5])
    assert len(ids("search", "--like", "rain", "--all", "--limit", "9")) == 9
    assert set(ids("search", "--like", "rain", "odd")) == {photos[1], photos[3]}
    assert set(ids("similar", str(photos[0]))) >= set(photos[1:5])
    assert photos[0] not in ids("similar", str(photos[0]), "--all")


def test_library_finds_what_is_like_a_photo_or_a_text(
    database: Database, photos: list[int], tmp_path: Path
) -> None:
    with database.read() as session:
        of_text = nearest(session, "rain", cache_dir=tmp_path, load_encoder=lambda _: Encoder())
        of_photo = nearest(session, photos[0], cache_dir=tmp_path)
        odd = nearest(session, photos[0], within="odd", cache_dir=tmp_path)

        assert {match.photo_id for match in of_text} == set(photos[:5])
        assert {match.photo_id for match in of_photo} >= set(photos[1:5])
        assert photos[0] not in {match.photo_id for match in of_photo}
        assert {match.photo_id for match in odd} >= {photos[1], photos[3]}
        with pytest.raises(NotFoundError, match="no text encoder"):
            nearest(session, "rain", cache_dir=tmp_path)


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e-7, 100.0])
def test_widened_halves_are_the_numbers_they_were(scale: float) -> None:
    random = np.random.default_rng(2)
    vectors = (random.standard_normal((3000, 48)) * scale).astype(np.float16)
    direction = unit(random.standard_normal(48))
    expected = vectors.astype(np.float32) @ direction
    np.testing.assert_allclose(exact.rate(vectors, direction), expected, rtol=1e-4, atol=1e-9)
