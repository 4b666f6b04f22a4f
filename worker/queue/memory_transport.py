"""The broker of one process, looked at often enough that a worker can stop at once.

`worker.celery` names this transport for `memory://`.
"""

from typing import Any

from kombu.transport import memory

#: Celery waits two seconds for a message before it looks whether it is to stop.
_LONGEST_WAIT_S = 0.1


class Transport(memory.Transport):
    """Kombu's memory transport, which waits a tenth of a second for a message at most."""

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
