"""Prints a line for each photo while photos are tagged, by this process or another."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.text import Text

from catalog import paths
from catalog.cli import console
from catalog.db.database import Database
from catalog.photos import history
from catalog.photos.history import News
from worker.threads import Repeating

_LOOK_EVERY_S = 0.5
_KEYWORDS_SHOWN = 6


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on Ctrl-C and on SIGTERM; a second Ctrl-C ends the process at once."""

    def handle(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Follower(Repeating):
    """A thread that passes on each photo that was tagged or quarantined; a context manager.

    Nothing is read where nothing is to be shown (`show` is None).
    """

    def __init__(self, database: Database, show: Callable[[News], None] | None) -> None:
        super().__init__("follower", _LOOK_EVERY_S, failure="database_unavailable")
        self._database = database
        self._show = show
        self._mark = 0

    def __enter__(self) -> Self:
        if self._show is None:
            return self
        with self._database.read() as session:
            self._mark = history.last_event_id(session)
        return super().__enter__()

    def step(self) -> None:
        """Show what has happened since the last step."""
        with self._database.read() as session:
            news, self._mark = history.find_news(session, self._mark)
        for each in news:
            if self._show is not None:
                self._show(each)


def print_news(news: News) -> None:
    """Print a line about a photo: its keywords, or why it could not be read."""
    line = Text(news.name, style="bold")
    if news.reason is not None:
        line = Text.assemble(("quarantined  ", "yellow"), news.reason)
    else:
        line.append("  ")
        for word, confidence in news.keywords[:_KEYWORDS_SHOWN]:
            line.append(f"{paths.printable(word)} ").append(f"{confidence:.2f}  ", style="dim")
    console.out().print(line, soft_wrap=True)
