"""`kadr watch` and `kadr worker`: photos are tagged as they arrive."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Self

import structlog
import typer

from catalog import console, recent
from catalog.database import Database
from catalog.errors import DatabaseUnavailableError
from catalog.recent import News
from worker.commands import options

_LOOK_EVERY_S = 0.5
_KEYWORDS_SHOWN = 6
_log = structlog.get_logger()


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
    from worker import roots, tasks
    from worker.commands import running
    from worker.watcher import Intervals, Watcher

    settings = options.load(
        model=model,
        vocabulary=vocabulary,
        prompts=prompts or None,
        preset=preset,
        device=device,
        settle_s=settle,
    )
    process = running.open_process(settings)
    named = roots.register(process.database, console.read_arguments(folders), poll=poll)
    intervals = Intervals(settings.settle_s, settings.reconcile_s, settings.poll_s)
    watcher = Watcher(process.database, tasks.doorbell_of(process).ring, intervals)
    shown = ", ".join(folder.shown for folder in named)
    with (
        stopping_on_signals(watcher.stop),
        running.working(process),
        Follower(process.database, None if quiet else _print_news),
    ):
        running.warn_if_nobody_works(settings)
        watcher.run(named, lambda: _print_ready(shown))
    process.close()


def worker(
    concurrency_options: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CELERY OPTION]...", help="Handed on to `celery worker`."),
    ] = None,
) -> None:
    """Tag photos that others ring for: one Celery worker, one process per GPU."""
    settings = options.load(is_quiet=False)
    if settings.is_embedded:
        from worker.errors import SettingsError

        raise SettingsError(
            "a worker of its own needs a broker that others reach; set KADR_BROKER_URL=redis://... "
            "or run `kadr watch`, which has a worker inside"
        )
    from worker.bootstrap import get_process
    from worker.celery import app

    get_process()  # trouble with the database is told here, in one sentence
    app.worker_main(
        ["worker", "--pool", "solo", "--loglevel", settings.log_level, *(concurrency_options or [])]
    )


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """End gently on Ctrl-C and on SIGTERM; a second Ctrl-C ends at once."""

    def handle(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Follower:
    """A thread that hands on what becomes of photos, whoever tags them; a context manager."""

    def __init__(self, database: Database, show: Callable[[News], None] | None) -> None:
        self._database = database
        self._show = show
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._mark = 0

    def __enter__(self) -> Self:
        if self._show is not None:
            with self._database.read() as session:
                self._mark = recent.last_event_id(session)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._show is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(_LOOK_EVERY_S):
            try:
                self._look()
            except DatabaseUnavailableError as error:
                _log.warning("database_unavailable", reason=str(error))

    def _look(self) -> None:
        with self._database.read() as session:
            news, self._mark = recent.find_news(session, self._mark)
        for each in news:
            if self._show is not None:
                self._show(each)


def _print_news(news: News) -> None:
    from rich.text import Text

    line = Text(news.name, style="bold")
    if news.reason is not None:
        line = Text.assemble(("put aside  ", "yellow"), news.reason)
    else:
        line.append("  ")
        for word, confidence in news.keywords[:_KEYWORDS_SHOWN]:
            line.append(f"{word} ").append(f"{confidence:.2f}  ", style="dim")
    console.out().print(line, soft_wrap=True)


def _print_ready(folders: str) -> None:
    console.err().print(f"Watching {folders}. Ctrl-C ends.", markup=False)
