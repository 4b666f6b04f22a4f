"""How commands open the catalogue that KADR_DATABASE_URL names: to read it or to write to it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from catalog.db.database import open_catalogue
from catalog.errors import QueryError


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
