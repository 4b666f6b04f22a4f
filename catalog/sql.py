"""The few things that SQLite and PostgreSQL spell differently, in one place."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from catalog.models import Base

T = TypeVar("T")

#: Values in one IN (...) list; SQLite takes 32,766 parameters a statement.
MAX_IN = 5_000


def insert(session: Session, table: type[Base]) -> Any:  # noqa: ANN401
    """Give an INSERT that has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


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
