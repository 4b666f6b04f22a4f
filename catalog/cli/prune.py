"""`kadr prune`: photos whose files are gone are forgotten."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from catalog.cli import console
from catalog.db.database import open_catalogue
from catalog.photos import files
from catalog.photos.files import Pruned

Days = Annotated[float, typer.Option("--older-than", help="Missing for so many days.", min=0)]

app = typer.Typer(add_completion=False)


@app.command()
def prune(
    days: Days = 0.0,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget photos whose files are gone, with their tags and a person's decisions about them."""
    before = datetime.now(UTC) - timedelta(days=days)
    with open_catalogue() as database:
        with database.read() as session:
            planned = files.count_prunable(session, before)
        if not planned.files and not planned.photos:
            console.err().print("No photo is missing.")
            return
        question = f"Forget {_shown(planned)} for ever?"
        if not yes and not typer.confirm(question, err=True):
            raise typer.Exit(1)
        with database.write() as session:
            done = files.prune(session, before)
        console.err().print(f"Forgot {_shown(done)}.")


def _shown(counts: Pruned) -> str:
    photos = console.count_of(counts.photos, "photo")
    return f"{photos} and {console.count_of(counts.files, 'place')}"
