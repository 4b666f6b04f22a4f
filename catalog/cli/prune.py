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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget photos whose files are gone, with their tags and a person's decisions about them.

    What was decided about a picture that was edited lives on in the edited one.
    """
    before = datetime.now(UTC) - timedelta(days=days)
    with open_catalogue() as database:
        with database.read() as session:
            planned = files.count_prunable(session, before)
        _explain(planned, days)
        if dry_run or not (planned.files or planned.photos):
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


def _explain(planned: Pruned, days: float) -> None:
    """Print what goes, what stays, and why."""
    if not (planned.files or planned.photos or planned.recent):
        console.err().print("No photo is missing.")
        return
    lost = planned.photos - planned.superseded
    go, stay = [], []
    if lost:
        photos = "photo whose files are" if lost == 1 else "photos whose files are"
        go.append(f"{lost:,} {photos} gone, {planned.decided:,} of them with your decisions")
    if planned.superseded:
        photos = console.count_of(planned.superseded, "former picture")
        go.append(f"{photos} of edited photos, which keep the decisions")
    if planned.elsewhere:
        photos = console.count_of(planned.elsewhere, "photo")
        stay.append(f"{photos} that left a place and lie in another")
    if planned.recent:
        photos = console.count_of(planned.recent, "photo")
        stay.append(f"{photos} missing for less than {days:g} days")
    for what, parts in (("To go:", go), ("To stay:", stay)):
        if parts:
            console.err().print(f"{what} {'; '.join(parts)}.")
