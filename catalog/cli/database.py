"""`kadr db`: creates and upgrades the catalogue's tables, and builds the index of vectors."""

import time
from typing import Annotated

import typer

from catalog import settings
from catalog.cli import console
from catalog.db import database
from catalog.db.tables import HEAD_REVISION
from catalog.similar import hnsw, vector_file

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The catalogue's tables.")


@app.command()
def upgrade() -> None:
    """Build the catalogue's tables, or bring them to this program's version."""
    url = settings.load().database_url
    database.open_database(url, upgrade=True).close()
    console.err().print(f"{database.shown_url(url)} is at version {HEAD_REVISION}.", markup=False)


@app.command()
def index_vectors(
    *,
    model: Annotated[
        str | None, typer.Option(help="A model by its name here; by default the one most used.")
    ] = None,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="What PostgreSQL may use; for speed, all vectors.")
    ] = "1GB",
) -> None:
    """Let PostgreSQL find photos that look alike by pgvector's HNSW, and say how well it does.

    Searches by meaning use it from then on; photos can be tagged meanwhile. Without it every
    machine that searches keeps a file of all vectors, and compares every one.
    """
    with database.open_database(settings.load().database_url, upgrade=False) as opened:
        started = time.monotonic()
        with opened.read() as session:
            chosen = vector_file.find_model(session, name=model)
        hnsw.build(opened, chosen, memory=memory)
        with opened.read() as session:
            index = hnsw.open_index(session, chosen)
            recall = hnsw.measure_recall(index) if index else 0.0
    console.out().print(
        f"{chosen.name}: indexed in {time.monotonic() - started:,.0f} s; "
        f"of the {hnsw.RECALL_NEAREST} nearest photos it finds {recall:.1%}"
    )
