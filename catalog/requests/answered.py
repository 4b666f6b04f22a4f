"""Answers to requests with an Idempotency-Key, so that a repetition changes nothing.

A client whose connection broke sends the same request again and gets the first one's answer. The
row is written in the transaction of the change itself.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from catalog.db.web_tables import Answered
from catalog.errors import OptionError

KEPT = timedelta(days=1)


def find(session: Session, key: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the answer of an earlier request, or None if this is the first.

    Raises:
        OptionError: The key was used for another request.
    """
    found = session.get(Answered, key)
    if found is None:
        return None
    if found.body != digest(body):
        raise OptionError("this Idempotency-Key was used for another request; use a new one")
    return found.answer


def note(
    session: Session,
    key: str,
    body: Mapping[str, Any],
    answer: Mapping[str, Any],
    *,
    now: datetime,
) -> None:
    """Remember an answer for a day."""
    session.execute(delete(Answered).where(Answered.at < now - KEPT))
    session.add(Answered(key=key, body=digest(body), answer=dict(answer), at=now))


def key_of(who: str, given: str) -> str:
    """Return the key under which somebody's requests are kept: nobody sees another's answers."""
    return hashlib.sha256(f"{who}\n{given}".encode(errors="replace")).hexdigest()


def digest(body: Mapping[str, Any]) -> str:
    """Return a digest of a request's body."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
