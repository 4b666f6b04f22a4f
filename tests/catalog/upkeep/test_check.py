"""Each way in which a catalogue can disagree with itself is found, and mended where it can be."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, delete, func, select

from catalog.db.database import Database, open_database
from catalog.db.tables import Model, Photo, PhotoState, PhotoTag
from catalog.photos import lifecycle
from catalog.similar import hnsw, vector_file
from catalog.tags import counts, decisions
from catalog.upkeep import check
from tests.support.catalogue import NOW, add_photos, tag_photo


@pytest.fixture
def photo_ids(database: Database) -> list[int]:
    """Give three photos with keywords, one of them with decisions, and nothing that disagrees."""
    with database.write() as session:
        ids = add_photos(session, "a.jpg", "b.jpg", "c.jpg")
        for number, photo_id in enumerate(ids):
            vector = np.eye(4, dtype=np.float32)[number]
            tag_photo(session, photo_id, {"dog": 0.9, "sea": 0.5}, vector=vector.tolist())
        decisions.confirm(session, ids[:1], ["dog"], now=NOW)
        counts.refresh(session)
    return ids


@contextmanager
def unguarded(database: Database) -> Iterator[Connection]:
    """Yield a connection on which the database does not keep references."""
    with database.engine.connect() as connection:
        if database.engine.dialect.name == "sqlite":
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.execute("PRAGMA foreign_keys=OFF").close()
            yield connection
            connection.commit()
            raw.execute("PRAGMA foreign_keys=ON").close()
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            yield connection
            connection.commit()


def run(database: Database, tmp_path: Path, *, mend: bool = False) -> list[check.Finding]:
    return list(check.run(database, tmp_path, mend=mend))


BREAKS = {
    "embedding.photo_id": "INSERT INTO embedding SELECT model_id, 99, vector FROM embedding "
    "WHERE photo_id = 1",
    "photo_tag.photo_id": "INSERT INTO photo_tag (tag_id, photo_id, confidence, source) "
    "VALUES (1, 99, 0.5, 'clip')",
    "photo_event.photo_id": "INSERT INTO photo_event (photo_id, at, kind) "
    "VALUES (99, '2026-05-01 12:00:00.000000', 'tagged')",
    "tag_alias.tag_id": "INSERT INTO tag_alias (key, name, tag_id) VALUES ('k', 'k', 99)",
    "tag.parent_id": "UPDATE tag SET parent_id = 99 WHERE id = 1",
    "photo.tagger_id": "UPDATE photo SET tagger_id = 99 WHERE id = 1",
    "superseded photos": "UPDATE photo SET superseded_by_id = 99, "
    "missing_since = '2026-05-01 12:00:00.000000' WHERE id = 1",
    "missing photos": "UPDATE photo SET missing_since = '2026-05-01 12:00:00.000000' WHERE id = 1",
    "photos that wait for ever": "UPDATE photo SET state = 'leased', lease_token = 'gone', "
    "due_at = '2026-05-01 12:00:00.000000' WHERE id = 1",
    "photos without a vector": "DELETE FROM embedding WHERE photo_id = 1",
    "counts of keywords": "UPDATE tag SET photos = 7 WHERE id = 1",
    "indexes": "DROP INDEX ix_photo_tag_ranked",
}


def test_nothing_is_said_of_a_sound_catalogue(
    database: Database, photo_ids: list[int], tmp_path: Path
) -> None:
    with database.read() as session:
        vector_file.open_index(session, tmp_path)

    assert run(database, tmp_path) == []


@pytest.mark.parametrize("name", BREAKS)
def test_what_disagrees_is_found_and_mended(
    name: str, database: Database, photo_ids: list[int], tmp_path: Path
) -> None:
    with unguarded(database) as connection:
        connection.exec_driver_sql(BREAKS[name])

    found = run(database, tmp_path)
    assert name in [each.name for each in found]
    assert not any(each.is_mended for each in found)
    assert found == run(database, tmp_path)  # to look changes nothing
    mended = run(database, tmp_path, mend=True)

    assert [each.name for each in mended if not each.is_mended] == []
    assert name in [each.name for each in mended]
    assert run(database, tmp_path) == []
    with database.read() as session:
        assert session.get_one(PhotoTag, (1, photo_ids[0])).decision == "confirmed"


def test_photos_that_nobody_would_take_are_taken(
    database: Database, photo_ids: list[int], tmp_path: Path
) -> None:
    with database.write() as session:
        session.get_one(Photo, photo_ids[0]).state = PhotoState.PENDING  # without a time
        leased = session.get_one(Photo, photo_ids[1])
        leased.state, leased.due_at = PhotoState.LEASED, None

    run(database, tmp_path, mend=True)

    with database.write() as session:
        later = session.get_one(Photo, photo_ids[0]).due_at
        assert later is not None
        assert lifecycle.sweep(session, now=later + timedelta(seconds=1)) == photo_ids[:2]


def test_a_decision_of_a_lost_photo_is_kept_and_named(
    database: Database, photo_ids: list[int], tmp_path: Path
) -> None:
    with unguarded(database) as connection:
        connection.execute(delete(Photo).where(Photo.id == photo_ids[0]))

    found = {each.name: each for each in run(database, tmp_path, mend=True)}

    lost = found["photo_tag.photo_id"]
    assert (lost.count, lost.is_mended) == (1, False)
    assert "a person's decisions, and are kept" in lost.advice
    assert found["photo_file.photo_id"].is_mended  # the next `kadr tag` takes the file again
    with database.read() as session:
        query = select(PhotoTag.decision).where(PhotoTag.photo_id == photo_ids[0])
        assert session.scalars(query).all() == ["confirmed"]


def test_what_only_a_backup_holds_is_not_mended(
    database: Database, photo_ids: list[int], tmp_path: Path
) -> None:
    with unguarded(database) as connection:
        connection.exec_driver_sql("DELETE FROM root")

    found = {each.name: each for each in run(database, tmp_path, mend=True)}

    lost = found["photo_file.root_id"]
    assert (lost.count, lost.is_mended) == (3, False)
    assert "kadr restore" in lost.advice


def damage_file(place: Path) -> None:
    (place / "vectors.f2").write_bytes(bytes(3 * 4 * 2))


def cut_file(place: Path) -> None:
    (place / "vectors.f2").write_bytes(b"1")


@pytest.mark.parametrize("damage", [damage_file, cut_file])
def test_a_file_of_other_vectors_is_made_again(
    damage: Callable[[Path], None], database: Database, photo_ids: list[int], tmp_path: Path
) -> None:
    with database.read() as session:
        index = vector_file.open_index(session, tmp_path)
        damage(vector_file.find_place(session, tmp_path, index.model))

    (found,) = run(database, tmp_path, mend=True)

    assert (found.name, found.is_mended) == ("the file of vectors", True)
    with database.read() as session:
        assert vector_file.open_index(session, tmp_path).vectors.sum() == 3


def test_a_vector_of_another_length_goes_and_its_photo_is_tagged_again(
    database: Database, photo_ids: list[int], tmp_path: Path
) -> None:
    with database.write() as session:
        session.scalars(select(Model)).one().dim = 5

    found = {each.name: each for each in run(database, tmp_path, mend=True)}

    assert found["lengths of vectors"].is_mended
    with database.read() as session:
        pending = select(func.count()).where(Photo.state == PhotoState.PENDING)
        assert session.scalar(pending) == 3


def test_an_index_that_lacks_rows_is_built_again(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "kadr.db"
    with closing(sqlite3.connect(file)) as other:  # as if the index had been written to no disk
        other.execute("PRAGMA writable_schema=ON")
        kept = other.execute("SELECT * FROM sqlite_master WHERE name = 'ix_tag_parent_id'")
        row = kept.fetchone()
        other.execute("DELETE FROM sqlite_master WHERE name = 'ix_tag_parent_id'")
        other.commit()
    with closing(sqlite3.connect(file)) as other:
        other.execute("INSERT INTO tag (name, key) VALUES ('dog', 'dog')")
        other.execute("PRAGMA writable_schema=ON")
        other.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
        other.commit()
    with open_database(sqlite_url, upgrade=False) as database:
        (found,) = run(database, tmp_path)
        assert "missing from index ix_tag_parent_id" in found.fact

        (mended,) = run(database, tmp_path, mend=True)

        assert mended.is_mended
        assert run(database, tmp_path) == []


def test_numbers_that_are_taken_are_passed_over(postgresql_url: str, tmp_path: Path) -> None:
    with open_database(postgresql_url, upgrade=False) as database:
        with database.write() as session:
            add_photos(session, "a.jpg")
            session.connection().exec_driver_sql("SELECT setval('photo_id_seq', 1, false)")

        (found,) = run(database, tmp_path, mend=True)

        assert (found.name, found.is_mended) == ("numbers of new rows", True)
        with database.write() as session:
            assert add_photos(session, "b.jpg") == [2]


def test_an_index_of_vectors_that_was_not_finished_is_built(
    postgresql_url: str, tmp_path: Path
) -> None:
    with open_database(postgresql_url, upgrade=False) as database:
        with database.write() as session:
            (photo_id,) = add_photos(session, "a.jpg")
            tag_photo(session, photo_id, {})
            model = session.scalars(select(Model)).one()
        hnsw.build(database, model)
        with database.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %(name)s::regclass",
                {"name": hnsw.name_of(model)},
            )

        (found,) = run(database, tmp_path, mend=True)

        assert (found.name, found.is_mended) == ("the index of vectors", True)
        with database.read() as session:
            assert hnsw.open_index(session, model) is not None
