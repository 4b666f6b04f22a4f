"""Tells browsers what happens in the catalogue, as it happens: `GET /api/v1/events`.

One task reads the history for all listeners. Events of one kind that come together are one message,
so a worker that tags a thousand photos a minute sends two messages a second at most. The id of a
message is the last event's: a browser that lost its connection goes on after it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool

from catalog.db.database import Database
from catalog.errors import DatabaseUnavailableError
from catalog.photos import history, status
from catalog.photos.history import EventKind
from catalog.photos.tail import Event, Tail

_log = structlog.get_logger()

#: Listeners of a process at a time.
MAX_CLIENTS = 64
#: How often the history is read, and how often numbers are told while something happens.
POLL_S, PROGRESS_S = 0.5, 1.0
#: Counting takes a processor one part of so many at most: a million photos are counted less often.
_COUNTING = 20
#: A comment keeps proxies from ending a quiet connection; a browser comes back after `RETRY_MS`.
QUIET_S, RETRY_MS = 15.0, 5000
#: Photos that one message names; more are only counted.
MAX_NAMED = 100
#: Events that a browser which comes back is told of.
MAX_REPLAYED = 1000
_MAX_WAITING = 100
_RATE_WINDOW_S = 60.0

#: What each kind of event is called outside; others are not told.
KINDS = {
    EventKind.TAGGED.value: "tagged",
    EventKind.RETAGGED.value: "tagged",
    EventKind.INHERITED.value: "tagged",
    EventKind.QUARANTINED.value: "failed",
    EventKind.DECIDED.value: "decided",
    EventKind.UNDONE.value: "decided",
    EventKind.METADATA_READ.value: "sidecar",
    EventKind.METADATA_WRITTEN.value: "sidecar",
    EventKind.WITHDRAWN.value: "sidecar",
}


def compose(events: Sequence[Event]) -> Iterator[str]:
    """Yield messages about events: neighbours of one kind are one message."""
    known = [event for event in events if event.kind in KINDS]
    for kind, run in groupby(known, lambda event: KINDS[event.kind]):
        found = list(run)
        ids = list(dict.fromkeys(event.photo_id for event in found))
        data: dict[str, Any] = {"photos": ids[:MAX_NAMED], "n": len(ids)}
        yield format_message(kind, data, found[-1].id)


def format_message(kind: str, data: object, event_id: int | None = None) -> str:
    """Return a message as it is sent (HTML Standard, section 9.2.6)."""
    lines = [] if event_id is None else [f"id: {event_id}"]
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return "\n".join([*lines, f"event: {kind}", f"data: {text}", "", ""])


@dataclass(eq=False, slots=True)
class _Listener:
    messages: "asyncio.Queue[str | None]" = field(
        default_factory=lambda: asyncio.Queue(_MAX_WAITING)
    )


class Live:
    """The listeners of a process and the task that reads for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[_Listener] = set()
        self._tail: Tail | None = None
        self._task: asyncio.Task[None] | None = None
        self._told: dict[str, Any] = {}
        self._tagged: list[tuple[float, int]] = []

    @property
    def clients(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    @property
    def is_full(self) -> bool:
        """Whether nobody else may listen."""
        return len(self._listeners) >= MAX_CLIENTS

    async def listen(self, after: int | None) -> AsyncIterator[str]:
        """Yield messages until the listener goes, beginning after an event if one is given."""
        listener = _Listener()
        self._listeners.add(listener)
        try:
            yield f"retry: {RETRY_MS}\n\n"
            missed, begin = await run_in_threadpool(self._replay, after)
            if self._tail is None:
                self._tail = Tail(begin)
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._poll())
            for message in missed:
                yield message
            while True:
                try:
                    message_or_end = await asyncio.wait_for(listener.messages.get(), QUIET_S)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                if message_or_end is None:
                    return
                yield message_or_end
        finally:
            self._listeners.discard(listener)

    async def close(self) -> None:
        """End all connections."""
        for listener in self._listeners:
            _put(listener, None)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _replay(self, after: int | None) -> tuple[list[str], int]:
        """Return what was missed since an event, and the newest event."""
        with self._database.read() as session:
            newest = history.last_event_id(session)
            if after is None or after >= newest:
                return [], newest
            tail = Tail(after)
            return list(compose(tail.read(session, limit=MAX_REPLAYED))), newest

    async def _poll(self) -> None:
        """Read and tell while anybody listens."""
        loop = asyncio.get_running_loop()
        progress_at = 0.0
        while self._listeners:
            begun = loop.time()
            try:
                events, counts = await run_in_threadpool(
                    self._read, wants_counts=begun >= progress_at
                )
            except DatabaseUnavailableError as error:
                _log.warning("events_not_read", reason=str(error), next="tried again")
                await asyncio.sleep(QUIET_S)
                continue
            for message in compose(events):
                self._send(message)
            self._note_rate(events, loop.time())
            if counts is not None:
                took = loop.time() - begun
                progress_at = loop.time() + max(PROGRESS_S, _COUNTING * took)
                self._tell_progress(counts, loop.time())
            await asyncio.sleep(POLL_S)
        self._tail = None

    def _read(self, *, wants_counts: bool) -> tuple[list[Event], dict[str, Any] | None]:
        assert self._tail is not None  # noqa: S101 - set before the task begins
        with self._database.read() as session:
            events = self._tail.read(session)
            counts = status.count_progress(session) if wants_counts else None
        names = ("pending", "leased", "tagged", "quarantined", "missing")
        shown = None if counts is None else {name: getattr(counts, name) for name in names}
        return events, shown

    def _note_rate(self, events: Sequence[Event], now: float) -> None:
        tagged = sum(event.kind == EventKind.TAGGED for event in events)
        self._tagged = [each for each in self._tagged if each[0] > now - _RATE_WINDOW_S]
        if tagged:
            self._tagged.append((now, tagged))

    def _tell_progress(self, counts: dict[str, Any], now: float) -> None:
        since = now - self._tagged[0][0] if self._tagged else 0.0
        rate = sum(number for _, number in self._tagged) / max(since, 5.0)
        data = counts | {"rate": round(rate, 2)}
        if data != self._told:
            self._told = data
            self._send(format_message("progress", data))

    def _send(self, message: str) -> None:
        for listener in list(self._listeners):
            if listener.messages.full():  # it does not read: it may come back and go on
                self._listeners.discard(listener)
                listener.messages.get_nowait()
                _put(listener, None)
            else:
                _put(listener, message)


def _put(listener: _Listener, message: str | None) -> None:
    if not listener.messages.full():
        listener.messages.put_nowait(message)
