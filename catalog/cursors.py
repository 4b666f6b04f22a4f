"""Cursors between two pages: the last row's place in the order, as opaque text."""

import base64
import binascii
import json
import math
from collections.abc import Sequence

from catalog.errors import QueryError

_LAST_ID = 2**63 - 1


def pack(place: Sequence[float | int | str]) -> str:
    """Return a place as a cursor."""
    text = json.dumps(list(place), ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unpack(
    cursor: str, *kinds: type[float] | type[int] | type[str]
) -> tuple[float | int | str, ...]:
    """Return the place that `pack` was given, whose values are of these kinds.

    Raises:
        QueryError: The cursor is damaged.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
    except (ValueError, binascii.Error, UnicodeError, RecursionError):
        found = None
    if isinstance(found, list) and len(found) == len(kinds):
        pairs = zip(found, kinds, strict=True)
        if all(_is_kind(value, kind) for value, kind in pairs):
            return tuple(found)
    raise QueryError("this page cursor is damaged; start from the first page")


def _is_kind(value: object, kind: type[float] | type[int] | type[str]) -> bool:
    if isinstance(value, bool):
        return False
    if kind is str:
        return isinstance(value, str) and value.isprintable()
    if kind is int:
        return isinstance(value, int) and 0 <= value <= _LAST_ID
    return isinstance(value, int | float) and math.isfinite(value)
