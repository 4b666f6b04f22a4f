"""`kadr restore`: a backup takes the place of what the catalogue holds."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from catalog import paths, settings
from catalog.cli import console
from catalog.db.database import Database, open_database, shown_url
from catalog.errors import BackupError
from catalog.upkeep import backup_file
from catalog.upkeep import restore as restoring
from catalog.upkeep.backup_file import Backup

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `kadr backup` made.")],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what the catalogue holds without asking.")
    ] = False,
) -> None:
    """Put a backup in the place of all that the catalogue holds, or make a catalogue of it.

    All of it is restored and compared with the backup, or nothing is changed.
    """
    found = backup_file.inspect(file)
    url = settings.load().database_url
    with open_database(url, upgrade=True) as database:
        if not force:
            _ask(database, found, shown_url(url))
        restoring.restore(database, found)
    photos = console.count_of(found.photos, "photo")
    console.err().print(f"Restored {photos} from {_shown(found)}.", markup=False)
    console.err().print("Next: `kadr check` compares them with what is on disk.", markup=False)


def _ask(database: Database, backup: Backup, where: str) -> None:
    """Ask whether what is there may be replaced.

    Raises:
        BackupError: nobody is there to answer.
    """
    with database.read() as session:
        if restoring.is_empty(session):
            return
        there = console.count_of(restoring.count_photos(session), "photo")
    if not _is_anybody_there():
        raise BackupError(f"{where} holds {there}; use --force to replace all of it")
    photos = console.count_of(backup.photos, "photo")
    question = f"Replace all that {where} holds ({there}) by {_shown(backup)} ({photos})?"
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


def _is_anybody_there() -> bool:
    return sys.stdin.isatty()


def _shown(backup: Backup) -> str:
    name = paths.printable(paths.to_text(backup.file))
    made = backup.made_at
    return name if made is None else f"{name} of {made.astimezone():%Y-%m-%d %H:%M}"
