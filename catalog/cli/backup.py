"""`kadr backup`: a copy of the catalogue in one file, made while it is in use."""

from pathlib import Path
from typing import Annotated

import typer

from catalog import paths
from catalog.cli import console
from catalog.db.database import open_catalogue
from catalog.upkeep import backup as backups

app = typer.Typer(add_completion=False)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup to be made.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
) -> None:
    """Write all that the catalogue holds into one file, which `kadr restore` takes.

    Other programs read and write the catalogue meanwhile. The file is itself a catalogue for
    SQLite, whatever database it was made from.
    """
    with open_catalogue() as database:
        made = backups.make(database, file, replace=force)
    size = console.shown_bytes(file.stat().st_size)
    shown = paths.printable(paths.to_text(file))
    photos = console.count_of(made.photos, "photo")
    console.err().print(f"{shown}: {photos}, {size}, compared row by row.", markup=False)
