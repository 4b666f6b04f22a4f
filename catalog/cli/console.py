"""How commands read their arguments and print: text, JSON, files, counts of things."""

import csv
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog import paths
from catalog.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console

#: Columns of a table that nobody reads on a terminal.
PIPE_COLUMNS = 160


def out() -> "Console":
    """Return rich's console on standard output."""
    from rich.console import Console  # noqa: PLC0415 - lists of paths and JSON are printed without it

    return Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS, highlight=False)


def err() -> "Console":
    """Return rich's console on standard error."""
    from rich.console import Console  # noqa: PLC0415 - lists of paths and JSON are printed without it

    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(data: Any) -> None:  # noqa: ANN401
    """Print data as JSON; a path that is not UTF-8 keeps its bytes as Python's surrogates."""
    text = json.dumps(data, ensure_ascii=False, indent=2, default=str)
    if any("\ud800" <= char <= "\udfff" for char in text):
        text = json.dumps(data, indent=2, default=str)
    sys.stdout.write("".join(_escaped(char) for char in text) + "\n")


def print_table(
    found: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    show: Callable[[Mapping[str, Any]], Sequence[str]],
    *,
    as_json: bool,
) -> None:
    """Print records as JSON, or as a table of what `show` makes of each, without control codes."""
    if as_json:
        print_json(found)
        return
    from rich.markup import escape  # noqa: PLC0415 - JSON is printed without it
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table(*columns, box=None, header_style="bold")
    for each in found:
        table.add_row(*(escape(paths.printable(cell)) for cell in show(each)))
    out().print(table)


def _escaped(char: str) -> str:
    """Return a character of JSON text, escaped if a terminal would act on it; its value stays."""
    if char.isprintable() or char == "\n":
        return char
    return json.dumps(char)[1:-1]


def safe(text: str) -> str:
    """Return text for rich's tables and lines: a terminal and rich show all of it, and do nothing.

    Keywords of catalogues that an older Kadr made may hold control characters.
    """
    from rich.markup import escape  # noqa: PLC0415 - lists of paths and JSON are printed without it

    return escape(paths.printable(text))


def write_csv(names: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Print CSV; a terminal gets no control characters, a file every byte of a path."""
    sys.stdout.reconfigure(errors="surrogateescape", newline="")  # type: ignore[union-attr]
    writer = csv.writer(sys.stdout)
    writer.writerow(names)
    is_shown = sys.stdout.isatty()
    for row in rows:
        writer.writerow(_plain(cell) if is_shown else cell for cell in row)


def _plain(cell: object) -> object:
    return paths.printable(paths.name_to_text(cell)) if isinstance(cell, str) else cell


def quoted(path: str) -> str:
    """Return a path as a shell reads it, and so that a terminal shows it and does nothing else."""
    if path.isprintable():
        return shlex.quote(path)
    shown = (
        char if char.isprintable() and char not in "\\'" else _octal(char)  # as `ls` does
        for char in path
    )
    return f"$'{''.join(shown)}'"


def _octal(char: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(char))


def write_file(path: Path, text: str) -> None:
    """Write the output of a command to a file.

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
    """Return the arguments of a command, with `-` replaced by the lines of standard input."""
    found: list[str] = []
    for each in given:
        lines = [line.rstrip("\r\n") for line in sys.stdin] if each == "-" else [each]
        found += [line for line in lines if line]
    return found


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: `1 photo`, `1,234 photos`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shown_bytes(size: int) -> str:
    """Return a size in bytes as people read it: `12 MB`."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= least:
            return f"{size / least:,.{0 if size >= 10 * least else 1}f} {unit}"
    return f"{size} B"
