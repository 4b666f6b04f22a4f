"""Column types of the tables: times in UTC, keys, enumerations by value."""

import enum
from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, Enum, Text
from sqlalchemy.types import BigInteger, Integer, TypeDecorator

#: BIGINT on PostgreSQL; SQLite's row id must be spelled INTEGER.
BigId = BigInteger().with_variant(Integer(), "sqlite")


#: Keys are compared by code point on both databases, so that an index finds a prefix.
Key = Text().with_variant(Text(collation="C"), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC; SQLite, which knows no zones, stores it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times, store UTC."""
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
    """Store an enumeration as its values, as text that an older program can read."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=12,
        values_callable=lambda members: [member.value for member in members],
    )
