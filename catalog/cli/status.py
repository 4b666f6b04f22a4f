"""`kadr status`: how many photos are in which state, and what tags them."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import typer
from rich.table import Table

from catalog import paths, settings
from catalog.cli import catalogue, console, options
from catalog.db import database
from catalog.db.tables import Root
from catalog.photos import roots, sidecar_lists
from catalog.photos import status as states
from catalog.tags import taggers

app = typer.Typer(add_completion=False)


@app.command()
def status(*, as_json: options.AsJson = False) -> None:
    """Show how many photos are tagged, pending and quarantined, and what tags them."""
    found = _gather()
    if as_json:
        console.print_json(found)
    else:
        _show_status(found)


def _gather() -> dict[str, Any]:
    shown = database.shown_url(settings.load().database_url)
    with catalogue.reading() as session:
        counts = states.count_states(session)
        chosen = taggers.find(session)
        away = [paths.printable(root.path) for root in roots.list_roots(session) if _is_away(root)]
        return asdict(counts) | {
            "photos_per_second": round(states.get_rate(session, datetime.now(UTC)), 2),
            "keywords": states.count_tags(session),
            "sidecars_due": sidecar_lists.count_due(session),
            "sidecars_unwritten": len(sidecar_lists.find_problems(session)),
            "tagger": asdict(chosen) if chosen else None,
            "database": shown,
            "roots_away": away,
        }


def _is_away(root: Root) -> bool:
    """Return whether a root is no folder here, or an empty one, as where a disk is not mounted."""
    try:
        with os.scandir(paths.from_text(root.path)) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def _show_status(found: dict[str, Any]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    notes = {
        "tagged": f"tagged with {found['keywords']:,} keywords",
        "pending": "pending" + (f", {found['waiting']:,} files away" if found["waiting"] else ""),
        "leased": "being tagged now",
        "quarantined": "quarantined (`kadr failures` says why)",
        "unreadable": "files that cannot be read (`kadr failures`)",
        "missing": "missing: their files are gone (`kadr prune` forgets them)",
        "superseded": "superseded: edited since, their decisions live on in the edited photos",
        "sidecars_due": "sidecars to be written: `kadr watch` or `kadr metadata write` does it",
        "sidecars_unwritten": "sidecars that cannot be written (`kadr metadata status` says why)",
    }
    for name, note in notes.items():
        if found[name] or name in {"tagged", "pending"}:
            table.add_row(f"[bold]{found[name]:,}[/]", note)
    table.add_row(f"[bold]{found['photos_per_second']:g}[/]", "photos/s over the last 5 minutes")
    console.out().print(table)
    for folder in found["roots_away"]:
        console.out().print(
            f"{folder} is away or empty: mount it; its photos are kept until then.", markup=False
        )
    tagger = found["tagger"]
    line = (
        f"Model {tagger['model']}, vocabulary {tagger['vocabulary']}, preset {tagger['preset']}."
        if tagger
        else "No model is chosen yet: `kadr tag DIR` does."
    )
    console.out().print(f"{line}\nCatalogue {found['database']}", markup=False)
