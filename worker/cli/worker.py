"""`kadr worker`: a Celery worker of a fleet, which tags the photos that watchers find."""

from typing import Annotated

import typer

from catalog.errors import SettingsError
from worker.celery import app as celery_app
from worker.cli import options
from worker.queue.presence import Presence
from worker.queue.process import get_process

app = typer.Typer(add_completion=False)


@app.command(context_settings={"ignore_unknown_options": True})
def worker(
    celery_options: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CELERY OPTION]...", help="Passed on to `celery worker`."),
    ] = None,
) -> None:
    """Tag the photos that watchers find: one Celery worker, one process per GPU."""
    settings = options.load(level="INFO")
    if settings.is_embedded:
        raise SettingsError(
            "a worker of its own needs a broker that others reach; set KADR_BROKER_URL=redis://... "
            "or run `kadr watch`, which has a worker inside"
        )
    options_of_celery = ["--pool", "solo", "--loglevel", settings.log_level]
    with (
        get_process() as process,
        Presence(process.database, process.read_stages),
    ):  # an unreachable database is reported here, in one sentence
        celery_app.worker_main(["worker", *options_of_celery, *(celery_options or [])])
