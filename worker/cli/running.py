"""What `tag`, `watch`, `retag` and `demo` share: the process, its worker and progress bars."""

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
from worker.queue import broker, tasks
from worker.queue import process as processes
from worker.queue.embedded import EmbeddedWorker
from worker.queue.presence import Presence
from worker.queue.process import Process
from worker.queue.sweeper import Sweeper
from worker.settings import Settings


def open_process(settings: Settings) -> Process:
    """Open the catalogue for a command; notices are printed on standard error.

    Raises:
        CatalogError: the catalogue cannot be opened.
    """
    return processes.open_process(settings, say=_say)


def wait_for_process(settings: Settings) -> Process:
    """Open the catalogue for a command that goes on for days: it waits for a server that is away.

    Raises:
        CatalogError: the catalogue cannot be opened for another reason.
    """
    return processes.wait_for_process(settings, say=_say)


@contextmanager
def working(process: Process, *, patiently: bool = False) -> Iterator[None]:
    """Have photos tagged inside this block: by a worker in this process, or by the fleet.

    With `patiently`, a broker that is away is waited for.

    Raises:
        BrokerError: the broker of the fleet cannot be reached.
        ModelError: the model of the worker in this process cannot be loaded.
    """
    settings = process.settings
    bell = tasks.doorbell_of(process)
    if not settings.is_embedded:
        if patiently:
            broker.wait_for_broker()
        else:
            broker.require_broker()
        with Sweeper(process.database, bell, settings.sweep_s):
            yield
        return
    _load_model(process)
    with (
        EmbeddedWorker(process),
        Presence(process.database, process.read_stages),
        Sweeper(process.database, bell, settings.sweep_s),
    ):
        yield


def warn_if_nobody_works(settings: Settings) -> None:
    """Print how to start a worker if none of the fleet answers."""
    if not settings.is_embedded and not broker.is_anybody_there():
        console.err().print(
            "[yellow]No worker answers yet.[/] Photos wait until one does: "
            "start `kadr worker` on this or another machine."
        )


def _load_model(process: Process) -> None:
    """Load the model before the first photo, so that errors are printed here and not logged."""
    with words_progress() as progress:
        process.progress = progress
        process.get_pipeline()
        process.progress = None


def words_progress() -> AbstractContextManager[Callable[[int, int], None]]:
    """Show how many words of a vocabulary are encoded; nothing if all are in the cache."""
    return count_progress("Encoding words, once for this vocabulary")


@contextmanager
def count_progress(description: str) -> Iterator[Callable[[int, int], None]]:
    """Yield `show(done, total)`, which draws a bar from its first call on."""
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
