"""`kadr watch` and `kadr worker`: photos are tagged as they arrive."""

from typing import Annotated

import typer

from catalog.cli import console
from worker.cli import options


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(watch)
    app.command("worker", context_settings={"ignore_unknown_options": True})(worker)


def watch(
    folders: options.Folders,
    model: options.Model = None,
    vocabulary: options.Vocabulary = None,
    prompts: options.Prompt = None,
    preset: options.Preset = None,
    device: options.Device = None,
    *,
    poll: options.Poll = False,
    settle: Annotated[
        float | None, typer.Option(help="Seconds a file must be still before it is taken.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No line per photo.")] = False,
) -> None:
    """Tag photos below the folders as they arrive, change, move; until Ctrl-C.

    First takes what is there already. With KADR_BROKER_URL=redis://... it only watches and rings:
    the photos are tagged by `kadr worker` on any host.
    """
    from worker.cli import following, running
    from worker.queue import tasks
    from worker.watch import roots
    from worker.watch.watcher import Intervals, Watcher

    settings = options.load(
        model=model,
        vocabulary=vocabulary,
        prompts=prompts or None,
        preset=preset,
        device=device,
        settle_s=settle,
    )
    with running.open_process(settings) as process:
        named = roots.register(process.database, console.read_arguments(folders), poll=poll)
        intervals = Intervals(settings.settle_s, settings.reconcile_s, settings.poll_s)
        watcher = Watcher(process.database, tasks.doorbell_of(process).ring, intervals)
        shown = ", ".join(folder.shown for folder in named)
        with (
            following.stopping_on_signals(watcher.stop),
            running.working(process),
            following.Follower(process.database, None if quiet else following.print_news),
        ):
            running.warn_if_nobody_works(settings)
            watcher.run(
                named, lambda: console.err().print(f"Watching {shown}. Ctrl-C ends.", markup=False)
            )


def worker(
    concurrency_options: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CELERY OPTION]...", help="Handed on to `celery worker`."),
    ] = None,
) -> None:
    """Tag photos that others ring for: one Celery worker, one process per GPU."""
    settings = options.load(level="INFO")
    if settings.is_embedded:
        from catalog.errors import SettingsError

        raise SettingsError(
            "a worker of its own needs a broker that others reach; set KADR_BROKER_URL=redis://... "
            "or run `kadr watch`, which has a worker inside"
        )
    from worker.celery import app
    from worker.queue.process import get_process

    options_of_celery = ["--pool", "solo", "--loglevel", settings.log_level]
    with get_process():  # trouble with the database is told here, in one sentence
        app.worker_main(["worker", *options_of_celery, *(concurrency_options or [])])
