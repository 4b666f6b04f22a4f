"""`kadr beat`: the clock of a fleet, which has a worker look for expired leases."""

from typing import Annotated

import typer

from catalog.errors import SettingsError
from worker.celery import app as celery_app
from worker.cli import options
from worker.queue import broker

app = typer.Typer(add_completion=False)


@app.command(context_settings={"ignore_unknown_options": True})
def beat(
    celery_options: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CELERY OPTION]...", help="Passed on to `celery beat`."),
    ] = None,
) -> None:
    """Have workers free what dead workers held; `kadr watch` does it too while it runs."""
    settings = options.load(level="INFO")
    if settings.is_embedded:
        raise SettingsError(
            "beat is for a fleet; set KADR_BROKER_URL=redis://... "
            "or run `kadr watch`, which needs no beat"
        )
    broker.wait_for_broker()
    celery_app.start(["beat", "--loglevel", settings.log_level, *(celery_options or [])])
