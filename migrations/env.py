"""Alembic's entry: runs the migrations on the connection that `catalog.db.migrate` hands in.

From the `alembic` command line the database is the one of KADR_DATABASE_URL.
"""

import os

import pgvector.sqlalchemy  # noqa: F401 - tells SQLAlchemy what a halfvec is
from alembic import context
from sqlalchemy import Connection

from catalog.db import database
from catalog.db.tables import Base


def _same_type(*arguments: object) -> bool | None:
    """Take `halfvec` and bytes for the same: which of them it is depends on the server."""
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
