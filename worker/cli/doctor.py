"""`kadr doctor`: what this machine has, what is missing, and what to do about each."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from catalog.cli import console
from catalog.cli.options import AsJson
from worker.cli import options

if TYPE_CHECKING:
    from worker.cli.checkup import Finding

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "bad": "[red]bad[/]"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(*, as_json: AsJson = False) -> None:
    """Check Python, torch, device, model, database, broker and limits; status 1 if one is bad."""
    from worker.cli import checkup

    found = checkup.examine(options.load())
    if as_json:
        console.print_json([asdict(finding) for finding in found])
    else:
        _show(found)
    if any(finding.state == "bad" for finding in found):
        raise typer.Exit(1)


def _show(found: "list[Finding]") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in found:
        fact = escape(finding.fact) + (
            f"\n[dim]{escape(finding.advice)}[/]" if finding.advice else ""
        )
        table.add_row(_MARKS[finding.state], finding.name, fact)
    console.out().print(table)
