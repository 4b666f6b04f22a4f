"""The commands of `kadr metadata` that read: `read` and `status`."""

from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer
from rich.table import Table

from catalog import query
from catalog.cli import catalogue, console
from catalog.cli.options import AsJson
from catalog.db.database import open_catalogue
from catalog.photos import metadata_status
from catalog.photos.metadata_status import MetadataStatus
from catalog.tags import taggers
from worker.cli import loaders, options
from worker.decoding.guards import Guards
from worker.decoding.pool import Decoders
from worker.tagging import rereading

_SHOWN_FAILURES = 20


def read(
    text: Annotated[
        list[str] | None, typer.Argument(metavar="[QUERY]", help="Which photos; nothing: all.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Read metadata again: of photos that were tagged, and of the sidecars beside them."""
    settings = options.load(level="ERROR")
    with open_catalogue(settings.database_url) as database:
        with database.read() as session:
            photo_ids = query.find_ids(session, " ".join(text or []))
            chosen = taggers.find(session)
        look_up = partial(loaders.load_lexicon, chosen)
        with Decoders(Guards.of(settings)) as decoders:
            done = rereading.read_again(
                database, decoders, photo_ids, look_up, settings.sidecar_dir
            )
    if as_json:
        console.print_json(asdict(done))
        return
    photos = console.count_of(done.photos, "photo")
    console.out().print(f"{photos} and {console.count_of(done.sidecars, 'sidecar')} read")


def status(*, as_json: AsJson = False) -> None:
    """Show what was read of photos and sidecars, what was refused, and what is to be written."""
    with catalogue.reading() as session:
        found = metadata_status.count(session, limit=_SHOWN_FAILURES)
    if as_json:
        console.print_json(asdict(found))
    else:
        _print(found)


def _print(found: MetadataStatus) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    notes = {
        "read": "photos whose metadata was read",
        "unread": "photos whose metadata is still to be read (`kadr tag` does)",
        "sidecars": "sidecars were read",
        "unclaimed": "sidecars belong to no photo for certain",
        "refused": "sidecars cannot be read",
        "withdrawn": "photos with words that another program took out (`is:withdrawn`)",
        "due": "sidecars are to be written",
        "written": "sidecars say what Kadr wants to write",
        "contested": "sidecars are left alone: another program changes them again and again",
        "failed": "sidecars could not be written",
    }
    for name, note in notes.items():
        number = getattr(found, name)
        if number or name in {"read", "sidecars"}:
            table.add_row(f"[bold]{number:,}[/]", note)
    console.out().print(table)
    for reason in found.reasons:
        console.out().print(reason, markup=False, soft_wrap=True)
    if found.more_reasons > 0:
        console.out().print(f"... and {found.more_reasons:,} more")
