"""SQL that SQLite and PostgreSQL spell differently, and small parts that many statements share.

Every package of `catalog` above `db` calls it.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    any_,
    cast,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from catalog.db.tables import Base

if TYPE_CHECKING:  # a search for a keyword needs no NumPy
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

#: Values in one IN (...) list; SQLite takes 32,766 parameters a statement.
MAX_IN = 5_000

_MAX_INTEGER = 2**31 - 1


def insert(session: Session, table: type[Base]) -> Any:  # noqa: ANN401
    """Return an INSERT that has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if session.get_bind().dialect.name == "sqlite":  # only the dialect in use is loaded
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - only the dialect in use is loaded

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - only the dialect in use is loaded

    return postgresql.insert(table)


def read_by_texts(
    session: Session,
    query: Select[*tuple[Any, ...]],
    column: InstrumentedAttribute[str],
    texts: Sequence[str],
) -> Sequence[tuple[Any, ...]]:
    """Return the rows of a query in which a text column has one of many values, and maybe others.

    The values are one parameter, which costs a third of what an IN (...) list does. SQLite reads
    the range between the least and the greatest where few others lie in it, which costs a third of
    that.
    """
    dialect = session.get_bind().dialect.name
    if dialect != "sqlite":
        return fetch(session, query.where(member_of_texts(column, texts, dialect)))
    most = 2 * len(texts)
    between = query.where(column >= min(texts), column <= max(texts))
    rows = fetch(session, between.limit(most + 1))
    if len(rows) <= most:
        return rows
    return fetch(session, query.where(member_of_texts(column, texts, dialect)))


def fetch(session: Session, query: Select[*tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the driver's own rows: numbers and texts, of which SQLAlchemy's cost twice as much.

    Enumerations are the texts that are stored, and times what the driver makes of them.
    """
    result = session.connection().execute(query)
    with closing(result):
        return [] if result.cursor is None else list(result.cursor.fetchall())


def insert_new(session: Session, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, skipping those that exist; safe if two programs do so at one moment."""
    if rows:
        session.execute(insert(session, table).on_conflict_do_nothing(), list(rows))


def chunks(items: Iterable[T], size: int = MAX_IN) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def read_ids(session: Session, query: Select[int]) -> "NDArray[np.int64]":
    """Return the ids that a query selects: (n,) int64, ascending.

    The database joins them in one text, because a million rows of their own take a second on their
    way to Python.
    """
    import numpy as np  # noqa: PLC0415 - slow, and few commands read all ids

    ids = query.subquery()
    joined = session.scalar(select(func.aggregate_strings(cast(ids.c[0], Text), ",")))
    return np.sort(np.fromstring(joined or "", dtype=np.int64, sep=","))


def is_below(column: InstrumentedAttribute[str], folder: str) -> ColumnElement[bool]:
    """Return the SQL condition that a path lies below a folder.

    It does without LIKE, which on SQLite would match `A/` for `a/`.
    """
    prefix = folder.rstrip("/") + "/"
    return func.substr(column, 1, len(prefix)) == prefix


def fold_path(path: str) -> str:
    """Return a path as searches compare it: composed (NFC), without case.

    SQLite calls it as `kadr_fold_path`, since its own `lower` knows ASCII alone.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def alive(row: Any) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the SQL condition that a keyword was not rejected.

    The text is that of the partial index, so that SQLite can use the index.
    """
    is_kept: ColumnElement[bool] = row.decision.is_distinct_from(literal_column("'rejected'"))
    return is_kept


def as_real(value: float) -> ColumnElement[float]:
    """Return a number in the precision of stored scores, so that equal values compare equal."""
    return cast(literal(value), REAL)


def like_escape(text: str) -> str:
    """Return text in which LIKE's special characters are escaped with `!`."""
    for char in "!%_":
        text = text.replace(char, "!" + char)
    return text


def member(
    column: ColumnElement[int] | InstrumentedAttribute[int] | InstrumentedAttribute[int | None],
    ids: Sequence[int],
    dialect: str,
) -> ColumnElement[bool]:
    """Return the SQL condition that a column is one of many ids, sent as one parameter."""
    if dialect == "sqlite":  # which never loads the other dialect: that takes 30 ms
        return _is_in(column, ids)
    from sqlalchemy.dialects.postgresql import ARRAY  # noqa: PLC0415 - only the dialect in use is loaded

    kind = BigInteger() if max(ids, default=0) > _MAX_INTEGER else Integer()
    is_any: ColumnElement[bool] = column == func.any(cast(list(ids), ARRAY(kind)))
    return is_any


class _Values(FunctionElement[Any]):
    """The values of a JSON array, for SQLite; SQLAlchemy's own form takes twice as long."""

    name = "json_values"
    inherit_cache = True


@compiles(_Values)
def _compile_values(element: _Values, compiler: SQLCompiler, **kwargs: object) -> str:
    array = compiler.process(element.clause_expr, **kwargs)
    return f"(SELECT value FROM json_each{array})"  # noqa: S608 - a parameter's place


def _is_in(column: Any, values: Sequence[int | str]) -> ColumnElement[bool]:  # noqa: ANN401
    is_one: ColumnElement[bool] = column.bool_op("IN")(_Values(literal(json.dumps(list(values)))))
    return is_one


def unindexed(column: InstrumentedAttribute[T]) -> ColumnElement[T]:
    """Return a column as it is, in a form that keeps SQLite from using the column's index.

    Where rows are named by their ids and have a state as well, it would read all rows of the state.
    """
    return func.coalesce(column, column, type_=column.type)


def member_of_texts(
    column: InstrumentedAttribute[str], texts: Sequence[str], dialect: str
) -> ColumnElement[bool]:
    """Return the SQL condition that a column is one of many texts, sent as one parameter."""
    if dialect == "sqlite":
        return _is_in(column, texts)
    return column == any_(cast(list(texts), ARRAY(Text)))
