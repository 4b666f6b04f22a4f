"""Column types of the tables: times in UTC, keys, enumerations by value, and vectors.

Vectors are stored as float16, little-endian, L2-normalised by the caller: SQLite, and PostgreSQL
without pgvector, hold the bytes; PostgreSQL with pgvector holds a `halfvec`.
`catalog.db.database` finds out which of the two a database has and sets a flag on the dialect.
"""

import enum
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, DateTime, Dialect, Enum, LargeBinary, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger, Integer, TypeDecorator, TypeEngine, UserDefinedType

if TYPE_CHECKING:  # a search for a keyword needs no NumPy, and it takes a tenth of a second
    import numpy as np
    from numpy.typing import NDArray

#: Set on a dialect by `catalog.db.database` where `embedding.vector` is a `halfvec` column.
HALFVEC_FLAG = "kadr_halfvec"

#: BIGINT on PostgreSQL; SQLite's row id must be spelled INTEGER.
BigId = BigInteger().with_variant(Integer(), "sqlite")
#: Keys are compared by code point on both databases, so that an index finds a prefix.
Key = Text().with_variant(Text(collation="C"), "postgresql")


def to_bytes(vector: "NDArray[Any]") -> bytes:
    """Pack a vector (dim,) of any float dtype as float16 little-endian bytes."""
    import numpy as np  # noqa: PLC0415 - see the top

    return np.ascontiguousarray(vector, dtype="<f2").tobytes()


def from_bytes(data: bytes) -> "NDArray[np.float16]":
    """Unpack `to_bytes`: (dim,) float16, read-only."""
    import numpy as np  # noqa: PLC0415 - see the top

    return np.frombuffer(data, dtype="<f2")


@lru_cache(maxsize=1)
def _texts_of_halves() -> "NDArray[np.object_]":
    """Return the text of each float16 by its bits: 512 numbers take a tenth of their formatting."""
    import numpy as np  # noqa: PLC0415 - see the top

    halves = np.arange(2**16, dtype="<u2").view("<f2").tolist()
    texts = [f"{half:.5g}" for half in halves]  # five digits tell them all apart
    return np.array(texts, dtype=object)


class Halfvec(UserDefinedType[Any]):
    """pgvector's `halfvec` of any dimension, because several models share the column."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "halfvec"


class StoredVector(TypeDecorator["NDArray[np.float16]"]):
    """A vector (dim,) float16 in Python; bytes or `halfvec` in the database."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return `halfvec` where the connected database has it, else bytes."""
        if getattr(dialect, HALFVEC_FLAG, False):
            return Halfvec()
        return dialect.type_descriptor(LargeBinary())

    def process_bind_param(
        self, value: "NDArray[Any] | None", dialect: Dialect
    ) -> bytes | str | None:
        """Return a vector as bytes or in pgvector's text form."""
        if value is None:
            return None
        if getattr(dialect, HALFVEC_FLAG, False):
            import numpy as np  # noqa: PLC0415 - see the top

            halves = np.ascontiguousarray(value, dtype="<f2").view("<u2")
            return "[" + ",".join(_texts_of_halves()[halves].tolist()) + "]"
        return to_bytes(value)

    def process_result_value(
        self, value: bytes | None, dialect: Dialect
    ) -> "NDArray[np.float16] | None":
        """Return the selected vector: (dim,) float16."""
        if value is None:
            return None
        if getattr(dialect, HALFVEC_FLAG, False):  # halfvec_send: int16 dim, int16 0, big-endian
            import numpy as np  # noqa: PLC0415 - see the top

            return np.frombuffer(value, dtype=">f2", offset=4).astype("<f2")
        return from_bytes(value)

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the column in its binary form: parsing text takes ten times as long."""
        return _Binary(column, type_=self)


class _Binary(FunctionElement[Any]):
    """The bytes of a vector column, whatever it is stored as."""

    name = "vector_binary"
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], type_: TypeEngine[Any]) -> None:
        super().__init__(column)
        self.type = type_


@compiles(_Binary)
def _compile_binary(element: _Binary, compiler: SQLCompiler, **kwargs: object) -> str:
    inner = str(compiler.process(element.clauses, **kwargs))
    return f"halfvec_send({inner})" if getattr(compiler.dialect, HALFVEC_FLAG, False) else inner


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC; SQLite, which knows no zones, stores it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC.

        Raises:
            ValueError: The time is naive.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"naive time {value!r}: attach a time zone"
            raise ValueError(message)
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(  # SQLAlchemy passes the dialect
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        """Return an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def by_value(kind: type[enum.StrEnum]) -> Enum:
    """Return a column type that stores an enumeration's values as text."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=12,
        values_callable=lambda members: [member.value for member in members],
    )
