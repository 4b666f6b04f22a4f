"""Search by meaning through pgvector's HNSW: the answers of exact search, nearly always."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from catalog import query
from catalog.cli import lazy
from catalog.cli.commands import COMMANDS
from catalog.cli.options import Loaders
from catalog.db.database import Database, open_database
from catalog.db.tables import Model
from catalog.errors import UnsupportedError
from catalog.similar import directions, hnsw, vector_file
from catalog.similar import exact as exact_search
from tests.catalog.similar.test_similar import DIM, Encoder, rain, store, unit
from tests.support import catalogue, postgresql
from tests.support.kadr import Kadr

N_PHOTOS, N_RAINY = 3_000, 40


@pytest.fixture(scope="module")
def planted(postgresql_server: str) -> tuple[str, list[int]]:
    """Three thousand photos around a hundred scenes; the first forty look like rain."""
    random = np.random.default_rng(3)
    scenes = random.standard_normal((100, DIM))
    vectors = scenes[random.integers(100, size=N_PHOTOS)] + random.standard_normal((N_PHOTOS, DIM))
    vectors[:N_RAINY] += 4 * rain()
    url = postgresql.create_database(postgresql_server)
    with open_database(url, upgrade=True) as opened, opened.write() as session:
        ids = catalogue.add_photos(session, *(f"{n}.jpg" for n in range(N_PHOTOS)))
        catalogue.tag_photo(session, ids[0], {"even": 0.5, "odd": 0.5})
        store(session, ids, unit(vectors))
    return url, ids


@pytest.fixture(scope="module")
def indexed(postgresql_server: str, planted: tuple[str, list[int]]) -> str:
    """The URL of those photos with an index."""
    url = postgresql.create_database(postgresql_server, postgresql.database_of(planted[0]))
    with open_database(url, upgrade=False) as opened:
        with opened.read() as session:
            found = vector_file.find_model(session)
        hnsw.build(opened, found)
    return url


@pytest.fixture
def url(request: pytest.FixtureRequest, postgresql_server: str) -> str:
    """The URL of a copy of `indexed` for a test that asks for `model`, else of `planted`."""
    if "model" in request.fixturenames:
        template = request.getfixturevalue("indexed")
    else:
        template, _ = request.getfixturevalue("planted")
    return postgresql.create_database(postgresql_server, postgresql.database_of(template))


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The catalogue of that URL."""
    with open_database(url, upgrade=False) as opened:
        yield opened


@pytest.fixture
def photos(planted: tuple[str, list[int]]) -> list[int]:
    """The photos, by id."""
    return planted[1]


@pytest.fixture
def model(database: Database) -> Model:
    """The model of the vectors, indexed."""
    with database.read() as session:
        return vector_file.find_model(session)


def open_index(session: Session, model: Model) -> hnsw.HnswIndex:
    """Open the index, and have PostgreSQL use it though it would compare so few vectors itself."""
    session.execute(text("SET LOCAL enable_seqscan = off"))
    session.execute(text("SET LOCAL enable_bitmapscan = off"))
    index = hnsw.open_index(session, model)
    assert index is not None
    return index


def test_without_an_index_there_is_none(database: Database, photos: list[int]) -> None:
    with database.read() as session:
        assert hnsw.open_index(session, vector_file.find_model(session)) is None


def test_recall_of_the_nearest_is_that_of_exact_search(
    database: Database, model: Model, tmp_path: Path
) -> None:
    random = np.random.default_rng(5)
    with database.read() as session:
        exact = vector_file.open_index(session, tmp_path)
        index = open_index(session, model)
        assert index.photos == N_PHOTOS
        everything = query.prepare(session, "")
        shares = []
        for direction in unit(random.standard_normal((30, DIM))):
            truth = exact_search.find_nearest(exact.photo_ids, exact.vectors, direction, cut=False)
            found = hnsw.find_nearest(index, direction, everything, cut=False)
            shares.append(len({m.photo_id for m in truth} & {m.photo_id for m in found}) / 50)
            both = {match.photo_id: match.similarity for match in truth}
            for match in found:
                if match.photo_id in both:
                    assert match.similarity == pytest.approx(both[match.photo_id], abs=2e-3)
        assert np.mean(shares) >= 0.95
        assert hnsw.measure_recall(index) >= 0.95


def test_searches_use_the_index(database: Database, model: Model) -> None:
    with database.read() as session:
        index = open_index(session, model)
        hnsw.find_nearest(index, unit(rain()), query.prepare(session, ""), cut=False)
        session.execute(text("SELECT pg_stat_force_next_flush()"))
    with database.read() as session:
        scans = text("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = :name")
        assert session.scalar(scans, {"name": hnsw.name_of(model)}) == 1


def test_what_looks_like_the_text_is_found_and_nothing_else(
    database: Database, model: Model, photos: list[int]
) -> None:
    with database.read() as session:
        index = open_index(session, model)
        direction = directions.encode_query(Encoder(), "rain at night", model)
        found = hnsw.find_nearest(index, direction, query.prepare(session, ""))
        assert {match.photo_id for match in found} == set(photos[:N_RAINY])
        nothing = unit(np.random.default_rng(11).standard_normal((20, DIM)))
        hits = [hnsw.find_nearest(index, each, query.prepare(session, "")) for each in nothing]
        assert sum(not hit for hit in hits) >= 16


@pytest.mark.parametrize("few", [0, 10_000])
def test_filter_gives_the_photos_that_exact_search_gives(
    database: Database, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """With `few` at 0 the index is walked past what the filter keeps out."""
    monkeypatch.setattr(hnsw, "FEW_PHOTOS", few)
    with database.read() as session:
        exact = vector_file.open_index(session, tmp_path)
        index = open_index(session, model)
        direction = unit(rain())
        for asked in ("odd", "even NOT odd", "path:1*", "nobody"):
            ready = query.prepare(session, asked)
            among = np.array(query.find_ids(session, asked), dtype=np.int64)
            truth = exact_search.find_nearest(
                exact.photo_ids, exact.vectors, direction, limit=20, among=among, cut=False
            )
            found = hnsw.find_nearest(index, direction, ready, limit=20, cut=False)
            same = {m.photo_id for m in truth} & {m.photo_id for m in found}
            assert len(same) >= 0.9 * len(truth), asked
            assert len(found) == len(truth), asked
            assert {match.photo_id for match in found} <= set(among.tolist())


def test_commands_build_it_use_it_and_go_around_it(
    database: Database,
    url: str,
    photos: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kadr = Kadr({"KADR_DATABASE_URL": url}, tmp_path)
    done = kadr.run("db", "index-vectors")
    assert done.returncode == 0, done.stderr
    assert "of the 50 nearest photos it finds" in done.stdout
    again = kadr.run("db", "index-vectors", "--model", "unheard-of")
    assert again.returncode == 1
    assert "no photo has been encoded by unheard-of yet" in again.stderr

    monkeypatch.setenv("KADR_DATABASE_URL", url)
    monkeypatch.setenv("KADR_CACHE_DIR", str(tmp_path / "cache"))
    app = lazy.build(COMMANDS, Loaders(lambda _: Encoder()))

    def ids(*arguments: str) -> list[int]:
        output = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False).output
        return [photo["id"] for photo in json.loads(output)["photos"]]

    assert set(ids("search", "--like", "rain")) == set(photos[:N_RAINY])
    assert photos[0] not in ids("similar", str(photos[0]), "--all")
    assert not (tmp_path / "cache" / "vectors").exists()  # no copy of the vectors was made
    assert set(ids("search", "--like", "rain", "--exact")) == set(photos[:N_RAINY])
    assert (tmp_path / "cache" / "vectors").exists()


def test_sqlite_says_that_it_needs_none(sqlite_url: str) -> None:
    database = open_database(sqlite_url, upgrade=True)
    with pytest.raises(UnsupportedError, match="PostgreSQL with pgvector"):
        hnsw.build(database, Model(id=1, name="m", digest="0" * 64, dim=4))
    database.close()
