"""`kadr db`: the catalogue's tables."""

import typer

from catalog import console
from worker.commands import options


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(name="db", help="The catalogue's tables.", no_args_is_help=True)
    group.callback()(_group)
    group.command("upgrade")(upgrade)
    app.add_typer(group)


def upgrade() -> None:
    """Build the catalogue's tables, or bring them to this program's version."""
    from catalog import database
    from catalog.models import HEAD_REVISION

    settings = options.load()
    engine = database.create(settings.database_url)
    shown = engine.url.render_as_string(hide_password=True)
    database.open_database(settings.database_url, upgrade=True).close()
    console.err().print(f"{shown} is at version {HEAD_REVISION}.", markup=False)


def _group() -> None:
    """The catalogue's tables."""
