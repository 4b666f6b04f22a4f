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
    return etag_of(version_of(session), *parts)


def etag_of(version: str, *parts: str) -> str:
    """Return the ETag of an answer about a version of the catalogue."""
    text = "\n".join((version, *parts))
    return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'


@dataclass(slots=True)
class Kept:
    """The last answers of this process, each of one version of the catalogue."""

    #: Version, whether decisions change it, and the answer.
    _answers: "OrderedDict[str, tuple[str, bool, Any]]" = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)
    #: The newest event that was seen, and the newest of them that is of a photo.
    _seen: tuple[int, int] = (0, 0)

    def version_without_words(self, session: Session) -> str:
        """Return a version that decisions about keywords leave as it is."""
        newest = history.last_event_id(session)
        seen, of_photos = self._seen if self._seen[0] <= newest else (0, 0)
        if seen < newest:
            latest = history.last_photo_event_id(session, after=seen)
            of_photos = latest if latest > seen else of_photos
            self._seen = (newest, of_photos)
        return f"{of_photos} of photos"

    def get(
        self, session: Session, key: str, make: Callable[[], T], *, has_words: bool = True
    ) -> T:
        """Return the answer of a key: a kept one, or one that is made now.

        Without `has_words`, decisions about keywords do not change the answer.
        """
        version = version_of(session) if has_words else self.version_without_words(session)
        with self._lock:
            known, _, answer = self._answers.get(key, ("", has_words, None))
            if known == version:
                self._answers.move_to_end(key)
                found: T = answer
                return found
        made = make()
        with self._lock:
            former = [
                each
                for each, (known, depends, _) in self._answers.items()
                if depends == has_words and known != version
            ]
            for each in former:
                del self._answers[each]
            self._answers[key] = (version, has_words, made)
            while len(self._answers) > _MAX_KEPT:
                self._answers.popitem(last=False)
        return made
