"""Browsers that logged in: the cookie holds 256 random bits, the table their digest."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog.db.web_tables import WebSession

#: How long a login lasts.
LIFETIME = timedelta(days=30)


def begin(session: Session, *, now: datetime) -> str:
    """Store a new login and return the value of its cookie; logins that ended are deleted."""
    session.execute(delete(WebSession).where(WebSession.expires_at <= now))
    value = secrets.token_urlsafe(32)
    session.add(WebSession(digest=digest_of(value), created_at=now, expires_at=now + LIFETIME))
    return value


def is_valid(session: Session, value: str, *, now: datetime) -> bool:
    """Return whether a cookie is of a login that has not ended."""
    found = select(WebSession.expires_at).where(WebSession.digest == digest_of(value))
    expires_at = session.scalar(found)
    return expires_at is not None and expires_at > now


def end(session: Session, value: str) -> None:
    """End the login of one cookie."""
    session.execute(delete(WebSession).where(WebSession.digest == digest_of(value)))


def end_all(session: Session) -> None:
    """End the logins of all browsers."""
    session.execute(delete(WebSession))


def digest_of(value: str) -> str:
    """Return the digest under which a secret of 256 random bits is kept."""
    return hashlib.sha256(value.encode(errors="replace")).hexdigest()
