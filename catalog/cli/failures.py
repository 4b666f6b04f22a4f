"""`kadr failures`: the photos that could not be read, each with its reason."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from catalog.cli import catalogue, console, options
from catalog.photos import status

app = typer.Typer(add_completion=False)


@app.command()
def failures(
    *,
    as_json: options.AsJson = False,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1)] = None,
) -> None:
    """List what could not be tagged, each with its reason."""
    with catalogue.reading() as session:
        found = status.find_failures(session, limit=limit)
    if as_json:
        console.print_json([asdict(failure) for failure in found])
        return
    if not found:
        console.err().print("No photo is quarantined: every photo could be read.")
        return
    table = Table("id", "reason", "where", box=None, header_style="bold", pad_edge=False)
    for failure in found:
        photo_id = "-" if failure.photo_id is None else str(failure.photo_id)
        table.add_row(photo_id, failure.reason, failure.path)
    console.out().print(table)
    console.err().print("When a cause is gone: `kadr retry` tries them again.")
