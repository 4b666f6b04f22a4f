"""Rows as SQLite stores them, whichever database they come from, and digests of them.

`backup` and `restore` copy rows in this form and compare them by digest: equal rows have equal
digests on SQLite and PostgreSQL.
"""

import enum
import hashlib
import itertools
import json
import sqlite3
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import REAL, Boolean, LargeBinary
from sqlalchemy.types import JSON, DateTime

from catalog.db import web_tables
from catalog.db.tables import Base
from catalog.db.types import StoredVector, UtcDateTime

if TYPE_CHECKING:  # an SQLite catalogue needs no driver of PostgreSQL
    import psycopg

#: Not part of a backup: who is logged in, and which processes run.
TRANSIENT = frozenset({web_tables.WebSession.__tablename__, web_tables.WorkerSeen.__tablename__})

_ROWS_AT_ONCE = 10_000

Row = tuple[Any, ...]


class Kind(enum.Enum):
    """How the values of a column differ between the databases."""

    PLAIN = enum.auto()
    #: float32 on PostgreSQL, float64 on SQLite.
    REAL = enum.auto()
    #: Text; SQLite stores a bare number as a number.
    JSON = enum.auto()
    BYTES = enum.auto()
    #: 0 or 1 on SQLite.
    BOOLEAN = enum.auto()
    #: Text on SQLite, in UTC where it has a zone.
    TIME = enum.auto()
    #: float16 little-endian on SQLite; `halfvec` or the same bytes on PostgreSQL.
    VECTOR = enum.auto()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns, by name, and its primary key."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> str:
        """The columns as SQL lists them."""
        return ", ".join(_quoted(column.name) for column in self.columns)


@dataclass(frozen=True, slots=True)
class Content:
    """How many rows a table has, and the sha256 of them in the order of its key."""

    rows: int
    digest: str


def list_tables() -> list[Table]:
    """Return the tables of this version that a backup holds; those referred to come first."""
    return [
        Table(
            table.name,
            tuple(
                Column(column.name, _kind_of(column.type))
                for column in sorted(table.columns, key=lambda each: each.name)
            ),
            tuple(column.name for column in table.primary_key),
        )
        for table in Base.metadata.sorted_tables
        if table.name not in TRANSIENT
    ]


def list_tables_of(connection: sqlite3.Connection, names: Iterable[str]) -> list[Table]:
    """Return tables as an SQLite file has them, which may be of an older version."""
    found = []
    for name in names:
        rows = connection.execute(f"PRAGMA table_info({_quoted(name)})").fetchall()
        key = sorted((row[5], row[1]) for row in rows if row[5])
        columns = sorted((Column(row[1], _kind_of_declared(row[2])) for row in rows), key=_by_name)
        found.append(Table(name, tuple(columns), tuple(name for _, name in key)))
    return found


def read_sqlite(
    connection: sqlite3.Connection, table: Table, schema: str = "main"
) -> Iterator[Row]:
    """Yield a table's rows as they are stored, in the order of its key."""
    key = ", ".join(_quoted(name) for name in table.key)
    cursor = connection.execute(
        f"SELECT {table.names} FROM {schema}.{_quoted(table.name)} ORDER BY {key}"  # noqa: S608
    )
    cursor.arraysize = _ROWS_AT_ONCE
    while rows := cursor.fetchmany():
        yield from rows


def read_postgresql(connection: "psycopg.Connection[Any]", table: Table) -> Iterator[Row]:
    """Yield a table's rows as SQLite would store them, in the order of its key.

    The connection's time zone must be UTC.
    """
    from psycopg import sql  # noqa: PLC0415 - see the top

    texts = _text_columns(connection, table)
    columns = [_selected(column) for column in table.columns]
    key = [
        sql.SQL('{} COLLATE "C"' if name in texts else "{}").format(sql.Identifier(name))
        for name in table.key
    ]
    query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
        sql.SQL(", ").join(columns), sql.Identifier(table.name), sql.SQL(", ").join(key)
    )
    changed = [
        (at, convert)
        for at, column in enumerate(table.columns)
        if (convert := _FROM_POSTGRESQL.get(column.kind))
    ]
    with connection.cursor(name=f"kadr_{table.name}") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(query)
        for row in cursor:
            values = list(row)
            for at, convert in changed:
                values[at] = convert(values[at])
            yield tuple(values)


def write_postgresql(
    connection: "psycopg.Connection[Any]", table: Table, rows: Iterable[Row], *, halfvec: bool
) -> None:
    """Insert rows as SQLite stores them; the connection's time zone must be UTC."""
    from psycopg import sql  # noqa: PLC0415 - see the top

    changed = [
        (at, convert)
        for at, column in enumerate(table.columns)
        if (convert := _to_postgresql(column.kind, halfvec=halfvec))
    ]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns),
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            values = list(row)
            for at, convert in changed:
                values[at] = convert(values[at])
            copy.write_row(values)


class Digesting:
    """Passes rows on, and knows their number and digest once all went through."""

    def __init__(self, table: Table) -> None:
        self._real = {at for at, each in enumerate(table.columns) if each.kind is Kind.REAL}
        self._json = {at for at, each in enumerate(table.columns) if each.kind is Kind.JSON}
        self._digest = hashlib.sha256()
        self._rows = 0

    def through(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows."""
        iterator = iter(rows)
        while chunk := list(itertools.islice(iterator, _ROWS_AT_ONCE)):
            self._add(chunk)
            yield from chunk

    @property
    def content(self) -> Content:
        """What went through."""
        return Content(self._rows, self._digest.hexdigest())

    def _add(self, rows: Sequence[Row]) -> None:
        self._rows += len(rows)
        for at, column in enumerate(zip(*rows, strict=True)):
            if at in self._real:
                numbers = [float("nan") if value is None else value for value in column]
                self._digest.update(array("f", numbers).tobytes())
            else:
                values = map(_plain_json, column) if at in self._json else column
                self._digest.update(repr(tuple(values)).encode())


def content_of(table: Table, rows: Iterable[Row]) -> Content:
    """Return number and digest of a table's rows in the order of its key."""
    digesting = Digesting(table)
    for _ in digesting.through(rows):
        pass
    return digesting.content


def _by_name(column: Column) -> str:
    return column.name


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _kind_of(kind: Any) -> Kind:  # noqa: ANN401 - a column's type
    by_type = (
        (StoredVector, Kind.VECTOR),
        (LargeBinary, Kind.BYTES),
        (REAL, Kind.REAL),
        (JSON, Kind.JSON),
        ((DateTime, UtcDateTime), Kind.TIME),
        (Boolean, Kind.BOOLEAN),
    )
    return next((found for each, found in by_type if isinstance(kind, each)), Kind.PLAIN)


def _kind_of_declared(declared: str) -> Kind:
    return {"REAL": Kind.REAL, "JSON": Kind.JSON}.get(declared.upper(), Kind.PLAIN)


def _plain_json(value: Any) -> Any:  # noqa: ANN401 - of any column
    """Return JSON so that a number is the same whether it is stored as text or as a number."""
    if value is None or (isinstance(value, str) and value[:1] in '{["tfn'):
        return value
    return float(value)


def _text_columns(connection: "psycopg.Connection[Any]", table: Table) -> set[str]:
    found = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s "
        "AND table_schema = current_schema() AND data_type IN ('text', 'character varying')",
        (table.name,),
    )
    return {name for (name,) in found.fetchall()}


def _selected(column: Column) -> Any:  # noqa: ANN401 - a part of a statement
    from psycopg import sql  # noqa: PLC0415 - see the top

    forms = {
        Kind.JSON: "{}::text",
        Kind.TIME: "to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')",
        Kind.BOOLEAN: "{}::int",
        Kind.VECTOR: "{}::text",
    }
    return sql.SQL(forms.get(column.kind, "{}")).format(sql.Identifier(column.name))


def _widen(value: float | None) -> float | None:
    """Return a float32 that was read as its shortest decimal, exactly."""
    widened: tuple[float] = struct.unpack("f", struct.pack("f", value or 0.0))
    return None if value is None else widened[0]


def _pack_vector(text: str) -> bytes:
    """Return a vector's bytes as SQLite stores them, from PostgreSQL's text of either type."""
    if text.startswith("\\x"):
        return bytes.fromhex(text[2:])
    numbers = json.loads(text)
    return struct.pack(f"<{len(numbers)}e", *numbers)


def _unpack_vector(data: bytes) -> str:
    numbers = struct.unpack(f"<{len(data) // 2}e", data)
    return "[" + ",".join(map(repr, numbers)) + "]"


def _json_text(value: Any) -> Any:  # noqa: ANN401 - text or a number
    return value if value is None or isinstance(value, str) else json.dumps(value)


_FROM_POSTGRESQL: dict[Kind, Callable[[Any], Any]] = {
    Kind.REAL: _widen,
    Kind.VECTOR: _pack_vector,
}


def _to_postgresql(kind: Kind, *, halfvec: bool) -> Callable[[Any], Any] | None:
    if kind is Kind.JSON:
        return _json_text
    if kind is Kind.VECTOR and halfvec:
        return _unpack_vector
    return None
