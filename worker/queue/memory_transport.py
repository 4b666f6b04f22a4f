"""The broker of one process: it heeds priorities, and a worker that uses it can stop at once.

`worker.celery` names this transport for `memory://`.
"""

import heapq
import itertools
from queue import Queue
from typing import Any, ClassVar

from kombu.transport import memory

#: Celery waits two seconds for a message before it looks whether it is to stop.
_LONGEST_WAIT_S = 0.1


class _ByPriority(Queue[Any]):
    """A queue of messages by priority, 0 first as in Redis, and then by age."""

    def _init(self, maxsize: int) -> None:  # noqa: ARG002 - the standard library's hook
        self.queue: list[tuple[int, int, Any]] = []
        self._ages = itertools.count()

    def _put(self, item: Any) -> None:  # noqa: ANN401
        priority = int(item.get("properties", {}).get("priority") or 0)
        heapq.heappush(self.queue, (priority, next(self._ages), item))

    def _get(self) -> Any:  # noqa: ANN401
        return heapq.heappop(self.queue)[2]

    def has_first(self) -> bool:
        """Return whether a message of the first priority waits."""
        with self.mutex:
            return bool(self.queue) and self.queue[0][0] == 0


class Channel(memory.Channel):
    """Kombu's memory channel, whose queues heed the priority of messages."""

    queues: ClassVar[dict[str, _ByPriority]] = {}  # type: ignore[misc]

    def _new_queue(self, queue: str, **kwargs: Any) -> None:  # noqa: ANN401, ARG002 - kombu's
        self.queues.setdefault(queue, _ByPriority())

    def has_first(self, queue: str) -> bool:
        """Return whether a message of the first priority waits."""
        return self._queue_for(queue).has_first()

    def _queue_for(self, queue: str) -> _ByPriority:
        return self.queues.setdefault(queue, _ByPriority())


class Transport(memory.Transport):
    """Kombu's memory transport, which waits a tenth of a second for a message at most."""

    Channel = Channel

    def drain_events(
        self,
        connection: Any,  # noqa: ANN401 - kombu's
        timeout: float | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Deliver the next message.

        Raises:
            TimeoutError: There was none; the caller looks around and asks again.
        """
        wait_s = _LONGEST_WAIT_S if timeout is None else min(timeout, _LONGEST_WAIT_S)
        super().drain_events(connection, timeout=wait_s, **kwargs)  # type: ignore[no-untyped-call]
