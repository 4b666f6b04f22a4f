"""The few things that SQLite and PostgreSQL spell differently, in one place."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    REAL,
    BigInteger,
    ColumnElement,
    Integer,
    cast,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from catalog.db.tables import Base

T = TypeVar("T")

#: Values in one IN (...) list; SQLite takes 32,766 parameters a statement.
MAX_IN = 5_000

_MAX_INTEGER = 2**31 - 1


def insert(session: Session, table: type[Base]) -> Any:  # noqa: ANN401
    """Give an INSERT that has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if session.get_bind().dialect.name == "sqlite":  # only the dialect in use is loaded
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - only the dialect in use is loaded

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - only the dialect in use is loaded

    return postgresql.insert(table)


def insert_new(session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows that are not there yet; two programs may do the same at one moment."""
    if rows:
        session.execute(insert(session, table).on_conflict_do_nothing(), list(rows))


def chunks(items: Iterable[T], size: int = MAX_IN) -> Iterator[list[T]]:
    """Cut items into lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def is_below(column: InstrumentedAttribute[str], folder: str) -> ColumnElement[bool]:
    """Say that a path lies below a folder; SQLite's LIKE would take `a/` and `A/` for one."""
    prefix = folder.rstrip("/") + "/"
    return func.substr(column, 1, len(prefix)) == prefix


def alive(row: Any) -> ColumnElement[bool]:  # noqa: ANN401
    """Say that a keyword was not rejected, in the words of the partial index."""
    is_kept: ColumnElement[bool] = row.decision.is_distinct_from(literal_column("'rejected'"))
    return is_kept


def as_real(value: float) -> ColumnElement[float]:
    """Give a number the precision that scores are stored in, so that equal compares equal."""
    return cast(literal(value), REAL)


def like_escape(text: str) -> str:
    """Take the special meaning from LIKE's characters, with `!` as escape."""
    for char in "!%_":
        text = text.replace(char, "!" + char)
    return text


def member(
    column: ColumnElement[int] | InstrumentedAttribute[int], ids: Sequence[int], dialect: str
) -> ColumnElement[bool]:
    """Say that a column is one of many ids, which travel as one parameter."""
    if dialect == "sqlite":  # which never loads the other dialect: that takes 30 ms
        return column.in_(
            select(func.json_each(json.dumps(list(ids))).table_valued("value").c.value)
        )
    from sqlalchemy.dialects.postgresql import ARRAY  # noqa: PLC0415 - only the dialect in use is loaded

    kind = BigInteger() if max(ids, default=0) > _MAX_INTEGER else Integer()
    is_any: ColumnElement[bool] = column == func.any(cast(list(ids), ARRAY(kind)))
    return is_any
