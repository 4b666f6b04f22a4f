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
from worker.queue import broker
from worker.queue import process as processes
from worker.queue.process import Process
from worker.settings import Settings


def open_process(settings: Settings) -> Process:
    """Open the catalogue for a command: notices go to the person."""
    return processes.open_process(settings, say=_say)


@contextmanager
def working(process: Process) -> Iterator[None]:
    """Have photos tagged as long as this lasts: by a worker in this process, or by the fleet."""
    from worker.queue import tasks
    from worker.queue.sweeper import Sweeper

    settings = process.settings
    bell = tasks.doorbell_of(process)
    if not settings.is_embedded:
        broker.require_broker()
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


def warn_if_nobody_works(settings: Settings) -> None:
    """Say how to start a worker where a fleet has none yet."""
    if not settings.is_embedded and not broker.is_anybody_there():
        console.err().print(
            "[yellow]No worker answers yet.[/] Photos wait until one does: "
            "start `kadr worker` on this or another machine."
        )


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
