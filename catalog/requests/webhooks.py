"""Webhooks: addresses that are told of events, each in its order, at least once.

A hook remembers the last event that it took (a `photo_event.id`), so nothing is lost while it or
Kadr is away. Only the command line adds addresses: no request can have Kadr ask another server.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from catalog.db.tables import PhotoEvent
from catalog.db.web_tables import Webhook
from catalog.errors import NotFoundError, OptionError

HookEvent = Literal["tagged", "failed", "decided", "sidecar"]
EVENTS: tuple[HookEvent, ...] = ("tagged", "failed", "decided", "sidecar")
#: Delays between tries, then the last again, and after how long of failing a hook is switched off.
_FIRST_DELAY_S, _MAX_DELAY_S = 1.0, 3600.0
GIVE_UP = timedelta(hours=24)
#: How long a process may take for one delivery before another one tries.
CLAIM = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Due:
    """A hook that may be told of events now, held by the caller for `CLAIM`."""

    id: int
    url: str
    events: tuple[str, ...]
    secret: str
    told: int


def add(session: Session, url: str, events: Sequence[str]) -> str:
    """Add an address, which is told of events from now on; return the secret of its signature.

    Raises:
        OptionError: It is not an address, is there already, or a kind of event does not exist.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise OptionError(f"'{url}' is not an address; write https://host/path")
    unknown = [each for each in events if each not in EVENTS]
    if unknown or not events:
        wrong = f"'{unknown[0]}' is not a kind of event" if unknown else "no event is named"
        raise OptionError(f"{wrong}; there are {', '.join(EVENTS)}")
    if session.scalar(select(Webhook.id).where(Webhook.url == url)) is not None:
        raise OptionError(f"{url} is there already; `kadr webhook remove` it first")
    secret = "whsec_" + secrets.token_urlsafe(32)
    newest = session.scalar(select(func.max(PhotoEvent.id))) or 0
    session.add(Webhook(url=url, events=list(events), secret=secret, told=newest))
    return secret


def find_all(session: Session) -> Sequence[Webhook]:
    """Return all hooks in the order in which they were added."""
    return session.scalars(select(Webhook).order_by(Webhook.id)).all()


def remove(session: Session, url: str) -> None:
    """Delete a hook.

    Raises:
        NotFoundError: There is none with this address.
    """
    session.delete(_get(session, url))


def switch_on(session: Session, url: str) -> None:
    """Try a hook again that was switched off; it goes on where it was.

    Raises:
        NotFoundError: There is none with this address.
    """
    found = _get(session, url)
    found.off_since = found.failing_since = found.failure = found.due_at = None
    found.attempts = 0


def claim(session: Session, *, now: datetime) -> list[Due]:
    """Return the hooks that may be told of events now; no other process gets them meanwhile."""
    is_due = or_(Webhook.due_at.is_(None), Webhook.due_at <= now)
    rows = session.execute(
        update(Webhook)
        .where(Webhook.off_since.is_(None), is_due)
        .values(due_at=now + CLAIM)
        .returning(Webhook.id, Webhook.url, Webhook.events, Webhook.secret, Webhook.told)
    )
    return [Due(id_, url, tuple(events), secret, told) for id_, url, events, secret, told in rows]


def has_any(session: Session) -> bool:
    """Return whether there is a hook that is not switched off."""
    found = select(Webhook.id).where(Webhook.off_since.is_(None)).limit(1)
    return session.scalar(found) is not None


def note_told(session: Session, hook_id: int, told: int) -> None:
    """Note that a hook took everything up to an event."""
    values = {"told": told, "due_at": None, "failing_since": None, "failure": None, "attempts": 0}
    session.execute(update(Webhook).where(Webhook.id == hook_id).values(**values))


def note_failure(session: Session, hook_id: int, reason: str, *, now: datetime) -> None:
    """Note that a hook did not take what it was sent: it is tried later, for a day."""
    hook = session.get_one(Webhook, hook_id)
    hook.attempts = min(hook.attempts + 1, 1000)
    hook.failure = reason[:500]
    hook.failing_since = hook.failing_since or now
    delay_s = min(_MAX_DELAY_S, _FIRST_DELAY_S * 2 ** min(hook.attempts - 1, 12))
    hook.due_at = now + timedelta(seconds=delay_s)
    if now - hook.failing_since > GIVE_UP:
        hook.off_since = now


def _get(session: Session, url: str) -> Webhook:
    found = session.scalar(select(Webhook).where(Webhook.url == url))
    if found is None:
        raise NotFoundError(f"there is no webhook {url}; `kadr webhook list` lists them")
    return found
