"""Alembic's entry point: runs the migrations on the connection that `catalog.db.migrate` passes.

From the `alembic` command line it connects to KADR_DATABASE_URL instead.
"""

import os

import pgvector.sqlalchemy  # noqa: F401 - registers the type halfvec with SQLAlchemy
from alembic import context
from sqlalchemy import Connection

from catalog.db import (
    database,
    web_tables,  # noqa: F401 - its tables belong to the metadata
)
from catalog.db.tables import Base


def _same_type(*arguments: object) -> bool | None:
    """Return False (no difference) for the vector column, None (Alembic decides) for others.

    The column is `halfvec` or bytes depending on the server, so Alembic must not compare it.
    """
    column = arguments[2]
    return False if getattr(column, "name", None) == "vector" else None


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=_same_type,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_in = context.config.attributes.get("connection")
if handed_in is not None:
    _run(handed_in)
else:
    with database.create(os.environ["KADR_DATABASE_URL"]).begin() as opened:
        _run(opened)
