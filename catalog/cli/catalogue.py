"""How commands open the catalogue that KADR_DATABASE_URL names: to read it or to write to it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from catalog import settings
from catalog.db import database
from catalog.db.database import Database
from catalog.errors import NotFoundError, QueryError


def open_catalogue() -> Database:
    """Open the catalogue; a command that reads never makes one.

    A SQLite catalogue of an older version is upgraded; a server's is upgraded by its keeper.

    Raises:
        NotFoundError: nothing was ever tagged here.
        CatalogError: it cannot be opened, or is of another version.
    """
    url = settings.load().database_url
    is_file = url.startswith("sqlite:")
    if is_file:
        file = database.sqlite_file(url)
        if file is not None and not file.expanduser().exists():
            message = (
                f"there is no catalogue at {file.expanduser()} yet; make one with `kadr tag DIR`, "
                "or set KADR_DATABASE_URL"
            )
            raise NotFoundError(message)
    return database.open_database(url, upgrade=is_file)


@contextmanager
def reading() -> Iterator[Session]:
    """Yield a session that only reads the catalogue; a wrong query is shown with a mark.

    Raises:
        CatalogError: the catalogue cannot be opened.
    """
    with _pointing_at_errors(), open_catalogue() as opened, opened.read() as session:
        yield session


@contextmanager
def writing() -> Iterator[Session]:
    """Yield a session whose changes to the catalogue are kept, unless an exception ends it.

    A wrong query is shown with a mark.

    Raises:
        CatalogError: the catalogue cannot be opened.
    """
    with _pointing_at_errors(), open_catalogue() as opened, opened.write() as session:
        yield session


@contextmanager
def _pointing_at_errors() -> Iterator[None]:
    """Print a query that is wrong with a mark under the place."""
    try:
        yield
    except QueryError as error:
        if error.position is not None and error.query:
            line = "".join(char if char.isprintable() else " " for char in error.query)
            sys.stderr.write(f"  {line}\n  {' ' * error.position}^\n")
        raise
