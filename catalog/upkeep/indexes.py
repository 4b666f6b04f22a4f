"""Checks the database's own structure, and that vectors agree wherever they lie."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, Index, delete, func, inspect, select, text
from sqlalchemy.orm import Session

from catalog.db.database import Database
from catalog.db.tables import Base, Embedding, Model
from catalog.db.types import HALFVEC_FLAG
from catalog.similar import hnsw, vector_file
from catalog.upkeep import sequences
from catalog.upkeep.findings import RESTORE, Check, Found, counted, in_transaction

#: Lines of SQLite's report that are read.
_MAX_LINES = 100
#: What SQLite says where an index differs from its table, and building it anew is enough.
_OF_INDEXES = ("from index", "in index")


def of_database(engine: Engine) -> list[Check]:
    """Return the checks of the database's structure and of the vectors in it."""
    both = [
        Check("indexes", _find_missing_indexes, _add_indexes),
        Check("lengths of vectors", _find_misfits, in_transaction(_delete_misfits)),
    ]
    if engine.dialect.name == "sqlite":
        return [Check("the SQLite file", _find_damage, _reindex), *both]
    return [*both, Check("numbers of new rows", _find_late_sequences, in_transaction(_advance))]


def of_vectors(cache_dir: Path) -> list[Check]:
    """Return the checks of the indexes that are made of vectors."""
    return [
        Check(
            "the file of vectors",
            partial(_find_stale_files, cache_dir),
            partial(_delete_files, cache_dir),
        ),
        Check("the index of vectors", _find_broken_hnsw, _rebuild_hnsw),
    ]


def _find_damage(session: Session, _now: datetime) -> Found | None:
    lines = list(session.scalars(text(f"PRAGMA integrity_check({_MAX_LINES})")))
    if lines == ["ok"]:
        return None
    advice = "" if _are_of_indexes(lines) else RESTORE
    return Found(len(lines), f"SQLite finds damage in its file: {lines[0]}", advice)


def _are_of_indexes(lines: list[str]) -> bool:
    return all(any(part in line for part in _OF_INDEXES) for line in lines)


def _reindex(database: Database, now: datetime) -> None:
    with database.write() as session:
        found = _find_damage(session, now)
        if found is not None and not found.advice:
            session.execute(text("REINDEX"))


def _find_missing_indexes(session: Session, _now: datetime) -> Found | None:
    names = [index.name for index in _missing_indexes(session)]
    if not names:
        return None
    return Found(len(names), f"the index {names[0]} is missing, so searches are slow")


def _missing_indexes(session: Session) -> Iterator[Index]:
    inspector = inspect(session.connection())
    for table in Base.metadata.sorted_tables:
        known = {index["name"] for index in inspector.get_indexes(table.name)}
        yield from (index for index in table.indexes if index.name not in known)


def _add_indexes(database: Database, _now: datetime) -> None:
    with database.write() as session:
        for index in list(_missing_indexes(session)):
            index.create(session.connection())


def _find_late_sequences(session: Session, _now: datetime) -> Found | None:
    late = sequences.find_late(session.connection())
    if not late:
        return None
    return Found(len(late), f"new rows of {late[0]} would get numbers that are taken")


def _advance(session: Session, _now: datetime) -> None:
    for table in sequences.find_late(session.connection()):
        sequences.advance(session.connection(), table)


def _is_misfit(dialect: Any) -> ColumnElement[bool]:  # noqa: ANN401 - which SQLAlchemy leaves open
    """Return the SQL condition that a vector has another length than its model's."""
    wanted = select(Model.dim).where(Model.id == Embedding.model_id).scalar_subquery()
    column = Embedding.__table__.c.vector
    if getattr(dialect, HALFVEC_FLAG, False):
        return func.vector_dims(column, type_=Model.dim.type) != wanted
    return func.length(column) != 2 * wanted


def _find_misfits(session: Session, _now: datetime) -> Found | None:
    is_misfit = _is_misfit(session.get_bind().dialect)
    number = session.scalar(select(func.count(Embedding.photo_id)).where(is_misfit)) or 0
    return counted(
        number,
        "{} vector is not as long as those of its model",
        "{} vectors are not as long as those of their models",
    )


def _delete_misfits(session: Session, _now: datetime) -> None:
    is_misfit = _is_misfit(session.get_bind().dialect)
    statement = delete(Embedding).where(is_misfit)
    session.execute(statement, execution_options={"synchronize_session": False})


def _find_stale_files(cache_dir: Path, session: Session, _now: datetime) -> Found | None:
    stale = _stale_models(cache_dir, session)
    if not stale:
        return None
    return Found(
        len(stale), f"the file of the vectors of {stale[0].name} differs from the catalogue"
    )


def _stale_models(cache_dir: Path, session: Session) -> list[Model]:
    return [
        model
        for model in session.scalars(select(Model).order_by(Model.id))
        if not vector_file.agrees(session, cache_dir, model)
    ]


def _delete_files(cache_dir: Path, database: Database, _now: datetime) -> None:
    with database.read() as session:
        for model in _stale_models(cache_dir, session):
            shutil.rmtree(vector_file.find_place(session, cache_dir, model), ignore_errors=True)


def _find_broken_hnsw(session: Session, _now: datetime) -> Found | None:
    broken = hnsw.find_broken(session)
    if not broken:
        return None
    return Found(len(broken), f"the index of the vectors of {broken[0].name} was not built whole")


def _rebuild_hnsw(database: Database, _now: datetime) -> None:
    with database.read() as session:
        broken = hnsw.find_broken(session)
    for model in broken:
        hnsw.build(database, model)
