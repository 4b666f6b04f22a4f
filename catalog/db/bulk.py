"""Writes many rows at once: the rows of a batch of photos are most of what tagging writes.

PostgreSQL takes all rows as one JSON document, which is made faster than as many parameters or as
arrays. SQLite takes them one by one, which is how it is fastest, but past SQLAlchemy, which takes
as long for each row as SQLite.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import (
    JSON,
    Dialect,
    Text,
    TypeDecorator,
    bindparam,
    cast,
    column,
    func,
    select,
    table,
    update,
)
from sqlalchemy.orm import Session

from catalog.db.tables import Base

#: A row by the names of its columns.
Row: TypeAlias = Mapping[str, Any]


def insert(session: Session, into: type[Base], rows: Sequence[Row]) -> None:
    """Insert rows that all have the same columns; other columns get the database's default."""
    if rows:
        _write(session, _Write(into, tuple(rows[0])), rows)


def upsert(
    session: Session,
    into: type[Base],
    rows: Sequence[Row],
    *,
    key: tuple[str, ...],
    changing: tuple[str, ...],
) -> None:
    """Insert rows that all have the same columns; of those that exist, change some columns.

    Args:
        session: The caller's transaction.
        into: The table.
        rows: Of several with the same key, the last one counts.
        key: Names of the columns of a unique index.
        changing: Names of the columns that change; none leaves rows that exist as they are.
    """
    if rows:
        _write(session, _Write(into, tuple(rows[0]), key, changing), rows)


def update_by(session: Session, of: type[Base], rows: Sequence[Row], *, key: str = "id") -> None:
    """Change all rows of a table that have the value of the column `key`, by that value.

    Each of `rows` may change other columns; of several that change the same ones by the same key,
    the last one counts.
    """
    alike: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        alike.setdefault(tuple(row), []).append(row)
    for names, group in alike.items():
        _write(session, _Write(of, names, (key,), is_update=True), group)


@dataclass(frozen=True, slots=True)
class _Write:
    """What is written, without the values: the statement is built once for all batches."""

    table: type[Base]
    #: The columns that rows come with.
    names: tuple[str, ...]
    key: tuple[str, ...] = ()
    #: What changes in rows that exist.
    changing: tuple[str, ...] = ()
    is_update: bool = False

    def type_of(self, name: str) -> Any:  # noqa: ANN401 - SQLAlchemy's types are generic
        """Return the type of a column."""
        return self.table.__table__.c[name].type


def _write(session: Session, write: _Write, rows: Sequence[Row]) -> None:
    session.flush()
    connection = session.connection()
    if write.key:  # PostgreSQL refuses to change a row twice in one statement
        rows = list({tuple(row[name] for name in write.key): row for row in rows}.values())
    if connection.dialect.name == "postgresql":
        document = _as_json(write, rows, connection.dialect)
        connection.execute(_of_a_document(write), {"document": document})
        return
    text, names = _of_one_row(write)
    columns = [
        _as_stored(write.type_of(name), [row[name] for row in rows], connection.dialect)
        for name in names
    ]
    connection.exec_driver_sql(text, list(zip(*columns, strict=True)))


def _as_stored(kind: Any, values: list[Any], dialect: Dialect) -> list[Any]:  # noqa: ANN401
    """Return the values of a column as the driver takes them."""
    convert = kind.dialect_impl(dialect).bind_processor(dialect)
    return values if convert is None else [convert(value) for value in values]


@lru_cache(maxsize=64)
def _of_one_row(write: _Write) -> tuple[str, list[str]]:
    """Return SQLite's statement for one row, and the columns in the order of its parameters."""
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - only the dialect in use is loaded

    # Without the defaults of the tables' classes, which only SQLAlchemy knows how to apply.
    target = table(write.table.__tablename__, *map(column, write.names))
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in write.names}
    statement: Any
    if write.is_update:
        (key,) = write.key
        same = target.c[key] == values.pop(key)
        statement = update(target).where(same).values(values)
    else:
        statement = _or_change(sqlite.insert(target).values(values), write)
    compiled = statement.compile(dialect=sqlite.dialect())
    return str(compiled), [name.removeprefix("new_") for name in compiled.positiontup]


def _as_json(write: _Write, rows: Sequence[Row], dialect: Dialect) -> str:
    """Return rows as a JSON array of objects, whose texts PostgreSQL reads as it reads literals."""
    for name in write.names:
        kind = write.type_of(name)
        if isinstance(kind, TypeDecorator):
            rows = [{**row, name: kind.process_bind_param(row[name], dialect)} for row in rows]
        if isinstance(kind, JSON):  # as text: a document within another has no NUL in its texts
            rows = [
                {**row, name: None if row[name] is None else json.dumps(row[name])} for row in rows
            ]
    try:
        return json.dumps(rows, default=_as_literal, allow_nan=False)
    except ValueError:  # JSON has no infinities, which PostgreSQL reads from texts
        rows = [{name: _as_finite(value) for name, value in row.items()} for row in rows]
        return json.dumps(rows, default=_as_literal)


def _as_finite(value: object) -> object:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _as_literal(value: object) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, datetime):
        return value.isoformat()
    message = f"{value!r} is of no kind that columns hold"
    raise TypeError(message)


@lru_cache(maxsize=64)
def _of_a_document(write: _Write) -> Any:  # noqa: ANN401
    """Return PostgreSQL's statement for all rows, whose parameter is what `_as_json` returns."""
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - only the dialect in use is loaded

    target = table(write.table.__tablename__, *map(column, write.names))
    types = {name: write.type_of(name) for name in write.names}
    in_json = {name for name, kind in types.items() if isinstance(kind, JSON)}
    columns = [column(name, Text() if name in in_json else types[name]) for name in write.names]
    document = cast(bindparam("document", type_=Text()), JSON())
    new = func.json_to_recordset(document).table_valued(*columns, name="new")
    new = new.render_derived(with_types=True)
    if write.is_update:
        (key,) = write.key
        values = {
            name: cast(new.c[name], JSON) if name in in_json else new.c[name] for name in types
        }
        same = target.c[key] == values.pop(key)
        return update(target).where(same).values(values)
    given = (cast(column(name), JSON) if name in in_json else column(name) for name in write.names)
    rows: Any = select(*given).select_from(new)
    return _or_change(postgresql.insert(target).from_select(write.names, rows), write)


def _or_change(insertion: Any, write: _Write) -> Any:  # noqa: ANN401
    """Return an INSERT that changes some columns of rows that exist."""
    if not write.key:
        return insertion
    if not write.changing:
        return insertion.on_conflict_do_nothing(index_elements=write.key)
    changed = {name: insertion.excluded[name] for name in write.changing}
    return insertion.on_conflict_do_update(index_elements=write.key, set_=changed)
