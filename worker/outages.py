"""One warning line when a server goes and one when it is back, however many threads miss it.

Threads that repeat, the watcher and the broker's client report here what they see.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

_log = structlog.get_logger()

T = TypeVar("T")

#: What goes and comes back.
DATABASE, BROKER = "database", "broker"
#: Pauses between attempts to reach a server that is away, in seconds.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0

#: Since when, and who misses it.
_away: dict[str, tuple[float, set[str]]] = {}
_lock = threading.Lock()


def note(server: str, reason: str, *, who: str = "") -> None:
    """Log that a server is away, unless that is known.

    `who` misses it: a disk that is full is there for those who read, and not for those who write.
    """
    with _lock:
        is_known = server in _away
        _away.setdefault(server, (time.monotonic(), set()))[1].add(who)
    if is_known:
        return
    _log.warning(f"{server}_away", reason=" ".join(reason.split()), next="waiting for it")


def clear(server: str, *, who: str = "") -> None:
    """Log that a server is back, if `who` was the last to miss it."""
    with _lock:
        since, missing = _away.get(server, (0.0, set()))
        if missing != {who}:
            missing.discard(who)
            return
        del _away[server]
    _log.warning(f"{server}_back", seconds_away=round(time.monotonic() - since, 1))


def wait_for(
    server: str,
    attempt: Callable[[], T],
    away: type[Exception] | tuple[type[Exception], ...],
    *,
    pause: Callable[[float], object] = time.sleep,
) -> T:
    """Return what `attempt` returns, as soon as it no longer raises `away`.

    Args:
        server: What is waited for, in logs.
        attempt: Reaches the server.
        away: The errors that mean it is away; others are raised.
        pause: Waits so many seconds.
    """
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            found = attempt()
        except away as error:
            note(server, str(error))
            pause(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        else:
            clear(server)
            return found
