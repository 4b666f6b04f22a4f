"""`kadr db`: the catalogue's tables."""

import time
from typing import Annotated

import typer

from catalog.cli import console


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(name="db", help="The catalogue's tables.", no_args_is_help=True)
    group.callback()(_group)
    group.command("upgrade")(upgrade)
    group.command("index-vectors")(index_vectors)
    app.add_typer(group)


def upgrade() -> None:
    """Build the catalogue's tables, or bring them to this program's version."""
    from catalog import settings
    from catalog.db import database
    from catalog.db.tables import HEAD_REVISION

    url = settings.load().database_url
    with database.open_database(url, upgrade=True) as opened:
        shown = opened.engine.url.render_as_string(hide_password=True)
    console.err().print(f"{shown} is at version {HEAD_REVISION}.", markup=False)


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
    from catalog import settings
    from catalog.db import database
    from catalog.similar import hnsw, vector_file

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


def _group() -> None:
    """The catalogue's tables."""
