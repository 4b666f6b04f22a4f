"""What commands share: where the catalogue is, how data is printed, how arguments are read."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.errors import OutputError, QueryError

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy.orm import Session

    from catalog.db.database import Database

#: Columns of a table that nobody reads on a terminal.
PIPE_COLUMNS = 160


def open_catalogue() -> "Database":
    """Open the catalogue that KADR_DATABASE_URL names; a command that reads never makes one.

    A SQLite catalogue of an older version is upgraded; a server's is upgraded by its keeper.

    Raises:
        NotFoundError: nothing was ever tagged here.
        CatalogError: it cannot be opened, or is of another version.
    """
    from catalog.db import database

    return database.open_catalogue()


@contextmanager
def reading() -> Iterator["Session"]:
    """Give a session that only reads the catalogue, with the settings' threshold.

    A query that is wrong meanwhile is shown, with a mark under the place.
    """
    from catalog import settings
    from catalog.tags import threshold

    try:
        with open_catalogue() as catalogue, catalogue.read() as session:
            threshold.use(session, settings.load().min_confidence)
            yield session
    except QueryError as error:
        point_at(error)
        raise


@contextmanager
def writing() -> Iterator["Session"]:
    """Give a session whose changes to the catalogue are kept, unless an exception ends it."""
    with open_catalogue() as catalogue, catalogue.write() as session:
        yield session


def out() -> "Console":
    """Give rich's console on standard output."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS, highlight=False)


def err() -> "Console":
    """Give rich's console on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(data: Any) -> None:  # noqa: ANN401
    """Print data as JSON; a path that is not UTF-8 keeps its bytes as Python's surrogates."""
    text = json.dumps(data, ensure_ascii=False, indent=2, default=str)
    if any("\ud800" <= char <= "\udfff" for char in text):
        text = json.dumps(data, indent=2, default=str)
    sys.stdout.write(text + "\n")


def write_file(path: Path, text: str) -> None:
    """Write what a command was asked to write to a file.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); name a file in a folder that is there"
        ) from error


def read_arguments(given: Iterable[str]) -> list[str]:
    """Give the arguments of a command, with `-` replaced by the lines of standard input."""
    found: list[str] = []
    for each in given:
        lines = [line.rstrip("\r\n") for line in sys.stdin] if each == "-" else [each]
        found += [line for line in lines if line]
    return found


def point_at(error: QueryError) -> None:
    """Print a query with a mark under the place that is wrong."""
    if error.position is not None and error.query:
        line = "".join(char if char.isprintable() else " " for char in error.query)
        sys.stderr.write(f"  {line}\n  {' ' * error.position}^\n")


def count_of(number: int, noun: str) -> str:
    """Give `1 photo`, `1,234 photos`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
