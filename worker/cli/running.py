"""What `tag`, `watch` and `demo` share: the worker in this process, or the fleet that must answer.

Also how the words' encoding is shown, which the first run with a vocabulary waits for.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from catalog.cli import console
from worker.errors import BrokerError
from worker.queue import process
from worker.queue.process import Process
from worker.settings import Settings

_ANSWER_TIMEOUT_S = 1.0


def open_process(settings: Settings) -> Process:
    """Open the catalogue for a command: notices go to the person."""
    return process.open_process(settings, say=_say)


@contextmanager
def working(process: Process) -> Iterator[None]:
    """Have photos tagged as long as this lasts: by a worker in this process, or by the fleet."""
    from worker.queue import tasks
    from worker.queue.doorbell import Sweeper

    settings = process.settings
    bell = tasks.doorbell_of(process)
    if not settings.is_embedded:
        require_broker()
        with Sweeper(process.database, bell, settings.sweep_s):
            yield
        return
    from worker.queue.embedded import EmbeddedWorker

    _load_model(process)
    with (
        EmbeddedWorker(process),
        Sweeper(process.database, bell, settings.sweep_s),
    ):
        yield


def is_anybody_there() -> bool:
    """Tell whether a worker of the fleet answers."""
    from worker.celery import app

    return bool(app.control.ping(timeout=_ANSWER_TIMEOUT_S))


def warn_if_nobody_works(settings: Settings) -> None:
    """Say how to start a worker where a fleet has none yet."""
    if not settings.is_embedded and not is_anybody_there():
        console.err().print(
            "[yellow]No worker answers yet.[/] Photos wait until one does: "
            "start `kadr worker` on this or another machine."
        )


def shown_broker() -> str:
    """Return the broker's URL without its password."""
    from worker.celery import app

    return str(app.connection_for_write().as_uri())


def require_broker() -> None:
    """Raise `BrokerError` where the broker cannot be reached."""
    from kombu.exceptions import OperationalError

    from worker.celery import app

    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.2, timeout=5)
    except (OperationalError, OSError) as error:
        raise BrokerError(
            f"{shown_broker()} cannot be reached ({error}); start Redis there, or unset "
            "KADR_BROKER_URL to work in one process"
        ) from error


def _load_model(process: Process) -> None:
    """Load the model before the first photo, so that its trouble is told here and not in a log."""
    with words_progress() as progress:
        process.progress = progress
        process.get_pipeline()
        process.progress = None


def words_progress() -> AbstractContextManager[Callable[[int, int], None]]:
    """Show how far the words of a vocabulary are encoded; nothing where all are in the cache."""
    return count_progress("Encoding words, once for this vocabulary")


@contextmanager
def count_progress(description: str) -> Iterator[Callable[[int, int], None]]:
    """Give `show(done, total)`, which draws a bar from its first call on."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=console.err(), transient=True)
    shown: list[TaskID] = []

    def show(done: int, total: int) -> None:
        if not shown:
            bar.start()
            shown.append(bar.add_task(description, total=total))
        bar.update(shown[0], completed=done)

    try:
        yield show
    finally:
        bar.stop()


def _say(line: str) -> None:
    console.err().print(line, soft_wrap=True, markup=False)
