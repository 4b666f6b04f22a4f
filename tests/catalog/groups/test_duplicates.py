"""Near duplicates and bursts on vectors whose likeness is known."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import delete, update
from typer.testing import CliRunner

from catalog.cli import lazy
from catalog.cli.commands import COMMANDS
from catalog.db.database import Database
from catalog.db.tables import Embedding, Model, Photo
from catalog.groups import alike
from catalog.similar import vector_file
from tests.support import catalogue

DIM = 64


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def test_nearly_all_near_pairs_are_found_and_no_other() -> None:
    random = np.random.default_rng(0)
    first = _unit(random.standard_normal((3000, DIM)))
    second = _unit(first[:300] + 0.15 * _unit(random.standard_normal((300, DIM))))
    vectors = np.concatenate([first, second]).astype(np.float16)
    found = {tuple(pair) for pair in alike.near_pairs(vectors, 0.92).tolist()}
    planted = {(n, 3000 + n) for n in range(300)}
    assert found <= planted
    assert len(found) >= 290


def test_many_copies_of_one_picture_stay_one_bucket_s_work() -> None:
    vectors = np.ones((500, DIM), dtype=np.float16)
    pairs = alike.near_pairs(_unit(vectors).astype(np.float16), 0.9)
    assert set(np.unique(pairs).tolist()) == set(range(500))
    assert len(pairs) <= 500 * 32


@pytest.fixture
def photos(database: Database) -> list[int]:
    """Forty photos; 1 and 2 are edits of 0, 10 and 11 were taken within a second."""
    random = np.random.default_rng(1)
    vectors = _unit(random.standard_normal((40, DIM)))
    vectors[1:3] = vectors[0] + 0.02 * random.standard_normal((2, DIM))
    vectors[11] = vectors[10] + 0.08 * random.standard_normal(DIM)
    with database.write() as session:
        ids = catalogue.add_photos(session, *(f"{n}.jpg" for n in range(40)))
        for photo_id in ids:
            catalogue.tag_photo(session, photo_id, {"thing": 0.5})
        session.execute(delete(Embedding))
        session.execute(update(Model).values(dim=DIM))
        model_id = session.query(Model.id).scalar()
        for n, (photo_id, vector) in enumerate(zip(ids, _unit(vectors), strict=True)):
            session.add(Embedding(model_id=model_id, photo_id=photo_id, vector=vector))
            taken = datetime(2023, 5, 6) + timedelta(hours=n)  # noqa: DTZ001
            taken = taken - timedelta(hours=1, seconds=-1) if n == 11 else taken
            values = {"taken_at": taken, "camera": "X", "width": 4000 if n == 1 else 400}
            session.execute(update(Photo).where(Photo.id == photo_id).values(**values))
    return ids


def test_edits_and_bursts_come_together_the_largest_picture_first(
    database: Database, photos: list[int], tmp_path: Path
) -> None:
    with database.read() as session:
        index = vector_file.open_index(session, tmp_path)
        found = alike.find_alike(session, index)
    assert [set(each.photo_ids) for each in found] == [set(photos[:3]), set(photos[10:12])]
    assert found[0].photo_ids[0] == photos[1]


def test_search_folds_near_duplicates_and_bursts_on_demand(
    database: Database,
    database_url: str,
    photos: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KADR_DATABASE_URL", database_url)
    monkeypatch.setenv("KADR_CACHE_DIR", str(tmp_path))
    app = lazy.build(COMMANDS)

    def run(*arguments: str) -> dict[str, list[dict[str, object]]]:
        result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
        found: dict[str, list[dict[str, object]]] = json.loads(result.output)
        return found

    assert len(run("search", "thing")["photos"]) == 40
    folded = run("search", "thing", "--fold")["photos"]
    assert len(folded) == 37
    assert max(len(photo["alike"]) for photo in folded) == 2  # type: ignore[arg-type]
    groups = run("groups", "--by", "alike")["groups"]
    assert [len(group["photos"]) for group in groups] == [3, 2]  # type: ignore[arg-type]
    assert len(run("group", "1", "--by", "alike")["photos"]) == 3
    assert len(run("groups", "--by", "events", "--min-size", "1")["groups"]) >= 1
