"""Answers that stay the same until the catalogue changes: kept for a while, and told by an ETag."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from catalog.photos import history
from catalog.tags import threshold

T = TypeVar("T")
_MAX_KEPT = 200


def version_of(session: Session) -> str:
    """Return a text that changes with every event of the history, and with the threshold."""
    return f"{history.last_event_id(session)}-{threshold.choose():g}"


def etag(session: Session, *parts: str) -> str:
    """Return the ETag of an answer about the present catalogue."""
    text = "\n".join((version_of(session), *parts))
    return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'


@dataclass(slots=True)
class Kept:
    """The last answers of this process, of one version of the catalogue."""

    _version: str = ""
    _answers: "OrderedDict[str, Any]" = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, session: Session, key: str, make: Callable[[], T]) -> T:
        """Return the answer of a key: a kept one, or one that is made now."""
        version = version_of(session)
        with self._lock:
            if version != self._version:
                self._answers.clear()
                self._version = version
            if key in self._answers:
                found: T = self._answers[key]
                return found
        made = make()
        with self._lock:
            if version == self._version:
                self._answers[key] = made
                while len(self._answers) > _MAX_KEPT:
                    self._answers.popitem(last=False)
        return made
