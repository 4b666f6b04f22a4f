"""Encodes the cursor between two pages: the last photo's position in the order, as opaque text.

`run` writes a cursor with each page and reads the one that the caller passes as `after`.
"""

import base64
import binascii
import enum
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from catalog.errors import QueryError

_LAST_ID = 2**63 - 1

#: A value that photos are ordered by: a relevance, a time (None if unknown), or a path.
Key = float | datetime | str | None


class Sort(enum.StrEnum):
    """Orders of a result; ties go by id, descending except in `OLDEST` and `NAME`."""

    RELEVANCE = "relevance"
    TAKEN = "taken"
    OLDEST = "oldest"
    ADDED = "added"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Position:
    """A photo's position in an order."""

    key: Key
    photo_id: int


def encode(place: Position, *, sort: Sort, query: str) -> str:
    """Return a position as a cursor that is valid for this order and query only."""
    key = place.key.isoformat() if isinstance(place.key, datetime) else place.key
    text = json.dumps([_digest(sort, query), key, place.photo_id], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(text: str, *, sort: Sort, query: str) -> Position:
    """Return the position that `encode` wrote.

    Raises:
        QueryError: The cursor is damaged, or belongs to another query or order.
    """
    try:
        padded = text + "=" * (-len(text) % 4)
        digest, key, photo_id = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        ours = digest == _digest(sort, query) and 0 < photo_id <= _LAST_ID
        _check(text, is_ours=ours and isinstance(photo_id, int))
        return Position(_read_key(key, sort), photo_id)
    except (ValueError, TypeError, binascii.Error, UnicodeError) as error:
        raise QueryError(
            "this page cursor does not belong to this query and order; start from the first page"
        ) from error


def _check(text: str, *, is_ours: bool) -> None:
    if not is_ours:
        raise ValueError(text)


def _read_key(key: object, sort: Sort) -> Key:
    match sort, key:
        case (Sort.RELEVANCE, float() | int()):
            return float(key)
        case (Sort.NAME, str()):
            return key
        case (Sort.TAKEN | Sort.OLDEST | Sort.ADDED, str()):
            time = datetime.fromisoformat(key)
            return time.astimezone(UTC) if sort is Sort.ADDED else time
        case (Sort.TAKEN | Sort.OLDEST, None):
            return None
    raise ValueError(key)


def _digest(sort: Sort, query: str) -> str:
    return hashlib.sha256(f"{sort}\n{query}".encode()).hexdigest()[:12]
