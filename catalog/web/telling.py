"""Tells webhooks of events: signed, in order, again until they take it.

The signature is `t=SECONDS,v1=HEX`, HMAC-SHA256 over `SECONDS.BODY` with the hook's secret: whoever
receives it can tell that it comes from this catalogue, and when it was sent.
"""

import hashlib
import hmac
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Self

import structlog

from catalog.db.database import Database
from catalog.errors import DatabaseUnavailableError
from catalog.photos.tail import Event, Tail
from catalog.requests import webhooks
from catalog.requests.webhooks import Due
from catalog.web.live import KINDS

_log = structlog.get_logger()

#: Photos that one delivery names.
BATCH = 100
_LOOK_EVERY_S, _TIMEOUT_S = 2.0, 15.0
#: Sends a body with headers to an address; raises OSError where it was not taken.
Send = Callable[[str, bytes, dict[str, str]], None]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the address is the one that a person typed."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        return None


_opener = urllib.request.build_opener(_NoRedirect)


def post(url: str, body: bytes, headers: dict[str, str]) -> None:
    """Send a body; anything but an answer of 2xx is an error.

    Raises:
        OSError: It was not taken.
    """
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - http(s) alone
    with _opener.open(request, timeout=_TIMEOUT_S):
        pass


def sign(secret: str, body: bytes, seconds: int) -> str:
    """Return the signature of a body that is sent at a time."""
    signed = f"{seconds}.".encode() + body
    return f"t={seconds},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class Teller:
    """A thread that tells all webhooks; a context manager."""

    def __init__(
        self,
        database: Database,
        *,
        send: Send = post,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._send = send
        self._clock = clock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(_TIMEOUT_S)

    def tell_all(self) -> int:
        """Send each hook that is due its next events; return how many deliveries were taken."""
        with self._database.read() as session:
            if not webhooks.has_any(session):
                return 0
        with self._database.write() as session:
            due = webhooks.claim(session, now=self._clock())
        return sum(self._tell(hook) for hook in due)

    def _run(self) -> None:
        while not self._over.is_set():
            told = 0
            try:
                told = self.tell_all()
            except DatabaseUnavailableError as error:
                _log.warning("webhooks_stopped", reason=str(error), next="tried again")
            self._over.wait(0.0 if told else _LOOK_EVERY_S)

    def _tell(self, hook: Due) -> bool:
        with self._database.read() as session:
            tail = Tail(hook.told)
            events = tail.read(session, limit=BATCH)
        wanted = [event for event in events if KINDS.get(event.kind) in hook.events]
        try:
            if wanted:
                self._deliver(hook, wanted)
        except OSError as error:
            _log.warning("webhook_failed", url=hook.url, reason=str(error))
            with self._database.write() as session:
                webhooks.note_failure(session, hook.id, str(error), now=self._clock())
            return False
        with self._database.write() as session:
            webhooks.note_told(session, hook.id, tail.last)
        return bool(events)

    def _deliver(self, hook: Due, events: Sequence[Event]) -> None:
        shown = [
            {
                "id": event.id,
                "event": KINDS[event.kind],
                "photo": event.photo_id,
                "at": event.at.isoformat(),
                "detail": event.detail,
            }
            for event in events
        ]
        body = json.dumps({"events": shown}, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "Kadr-Signature": sign(hook.secret, body, int(time.time())),
        }
        self._send(hook.url, body, headers)
