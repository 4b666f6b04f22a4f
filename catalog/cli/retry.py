"""`kadr retry`: photos that could not be read are tried again."""

from datetime import UTC, datetime

import typer

from catalog.cli import catalogue, console, options
from catalog.photos import lifecycle
from catalog.query import photo

app = typer.Typer(add_completion=False)


@app.command()
def retry(photos: options.AnyPaths = None) -> None:
    """Try photos again that were quarantined: those named, or all of them."""
    with catalogue.writing() as session:
        wanted = console.read_arguments(photos or [])
        ids = [photo.find_photo_id(session, each) for each in wanted] if photos else None
        retried = lifecycle.retry(session, ids, now=datetime.now(UTC))
    count = console.count_of(len(retried), "photo")
    verb = "is" if len(retried) == 1 else "are"
    console.err().print(
        f"{count} {verb} pending again; `kadr watch` or `kadr tag` takes them."
        if retried
        else "None of them was quarantined."
    )
