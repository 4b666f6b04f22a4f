"""The sequences from which PostgreSQL takes the ids of new rows."""

from sqlalchemy import Connection

from catalog.upkeep import contents


def advance(connection: Connection, table: str) -> None:
    """Let new rows of a table get ids after those that it has."""
    next_id = f'coalesce((SELECT max(id) FROM "{table}"), 0) + 1'  # noqa: S608 - our own names
    query = f"SELECT setval(pg_get_serial_sequence(%(name)s, 'id'), {next_id}, false)"
    connection.exec_driver_sql(query, {"name": table})


def find_late(connection: Connection) -> list[str]:
    """Return the tables whose next id is taken."""
    return [table for table in list_tables(connection) if _is_late(connection, table)]


def list_tables(connection: Connection) -> list[str]:
    """Return the tables whose ids come from a sequence; none on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    return [
        table.name
        for table in contents.list_tables()
        if table.key == ("id",) and _find_sequence(connection, table.name)
    ]


def _find_sequence(connection: Connection, table: str) -> str | None:
    query = "SELECT pg_get_serial_sequence(%(name)s, 'id')"
    name: str | None = connection.exec_driver_sql(query, {"name": table}).scalar()
    return name


def _is_late(connection: Connection, table: str) -> bool:
    sequence = _find_sequence(connection, table)
    next_id = f"(SELECT last_value + is_called::int FROM {sequence})"  # noqa: S608 - from the server
    query = f'SELECT coalesce(max(id), 0) >= {next_id} FROM "{table}"'  # noqa: S608
    return bool(connection.exec_driver_sql(query).scalar())
