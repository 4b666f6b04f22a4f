"""`kadr status`, `failures`, `retry`, `prune`: how the catalogue stands, what to do about it."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from catalog.cli import console, options

Days = Annotated[float, typer.Option("--older-than", help="Missing for so many days.", min=0)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status")(status)
    app.command("failures")(failures)
    app.command("retry")(retry)
    app.command("prune")(prune)


def status(*, as_json: options.AsJson = False) -> None:
    """Show how many photos are tagged, pending and put aside, and what tags them."""
    found = _gather()
    if as_json:
        console.print_json(found)
    else:
        _show_status(found)


def failures(
    *,
    as_json: options.AsJson = False,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1)] = None,
) -> None:
    """List what could not be tagged, each with its reason."""
    from rich.table import Table

    from catalog.photos import status as states

    with console.reading() as session:
        found = states.find_failures(session, limit=limit)
    if as_json:
        console.print_json([asdict(failure) for failure in found])
        return
    if not found:
        console.err().print("Nothing is put aside: every photo could be read.")
        return
    table = Table("id", "reason", "where", box=None, header_style="bold", pad_edge=False)
    for failure in found:
        table.add_row(_id(failure.photo_id), failure.reason, failure.path)
    console.out().print(table)
    console.err().print("When a cause is gone: `kadr retry` tries them again.")


def retry(photos: options.AnyPaths = None) -> None:
    """Try photos again that were put aside: those named, or all of them."""
    from catalog.photos import lifecycle
    from catalog.query import photo

    with console.writing() as session:
        wanted = console.read_arguments(photos or [])
        ids = [photo.find_photo_id(session, each) for each in wanted] if photos else None
        retried = lifecycle.retry(session, ids, now=datetime.now(UTC))
    console.err().print(
        f"{len(retried):,} photos are pending again; `kadr watch` or `kadr tag` takes them."
        if retried
        else "None of them was put aside."
    )


def prune(
    days: Days = 0.0,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget photos whose files are gone, with their tags and a person's decisions about them."""
    from catalog.photos import files

    before = datetime.now(UTC) - timedelta(days=days)
    with console.open_catalogue() as database:
        with database.read() as session:
            planned = files.count_prunable(session, before)
        if not planned.files and not planned.photos:
            console.err().print("No photo is missing.")
            return
        question = f"Forget {planned.photos:,} photos and {planned.files:,} places for ever?"
        if not yes and not typer.confirm(question, err=True):
            raise typer.Exit(1)
        with database.write() as session:
            done = files.prune(session, before)
        console.err().print(f"Forgot {done.photos:,} photos and {done.files:,} places.")


def _gather() -> dict[str, Any]:
    from catalog import settings
    from catalog.db import database
    from catalog.photos import status as states
    from catalog.tags import taggers

    shown = database.shown_url(settings.load().database_url)
    with console.reading() as session:
        counts = states.count_states(session)
        chosen = taggers.find(session)
        return asdict(counts) | {
            "photos_per_second": round(states.get_rate(session, datetime.now(UTC)), 2),
            "keywords": states.count_tags(session),
            "tagger": asdict(chosen) if chosen else None,
            "database": shown,
        }


def _show_status(found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    notes = {
        "tagged": f"tagged with {found['keywords']:,} keywords",
        "pending": "pending" + (f", {found['waiting']:,} files away" if found["waiting"] else ""),
        "leased": "being tagged now",
        "quarantined": "put aside (`kadr failures` says why)",
        "unreadable": "files that cannot be read (`kadr failures`)",
        "missing": "missing: their files are gone (`kadr prune` forgets them)",
    }
    for name, note in notes.items():
        if found[name] or name in {"tagged", "pending"}:
            table.add_row(f"[bold]{found[name]:,}[/]", note)
    table.add_row(f"[bold]{found['photos_per_second']:g}[/]", "photos/s over the last 5 minutes")
    console.out().print(table)
    tagger = found["tagger"]
    line = (
        f"Model {tagger['model']}, vocabulary {tagger['vocabulary']}, preset {tagger['preset']}."
        if tagger
        else "No model is chosen yet: `kadr tag DIR` does."
    )
    console.out().print(f"{line}\nCatalogue {found['database']}", markup=False)


def _id(photo_id: int | None) -> str:
    return "-" if photo_id is None else str(photo_id)
