"""Reads the dates that cameras and programs write: EXIF's, IPTC's, ISO 8601, whole or in part.

Every reader of metadata calls it. What is not a date is None; nothing here raises.
"""

import re
from datetime import datetime, timedelta

from catalog.said import Taken, TakenPrecision

#: Before the first photo.
_FIRST_YEAR = 1826
_MAX_OFFSET_MINUTES = 15 * 60
#: Longer texts are not dates.
_MAX_CHARS = 64

_DATE = re.compile(r"(\d{4})(?:[-:/. ]\s*(\d{1,2})(?:[-:/. ]\s*(\d{1,2}))?)?(?![\d])")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?!\d)")
_TIME = re.compile(r"[T\s]*(\d{1,2})\s*[:.]\s*(\d{1,2})(?:\s*[:.]\s*(\d{1,2})(?:[.,](\d{1,9}))?)?")
_ZONE = re.compile(r"\s*(?:(Z)|([-+])(\d{1,2}):?(\d{2})?)\s*$", re.IGNORECASE)


def parse(text: object, zone: object = None) -> Taken | None:
    """Parse a date, with or without a time and a zone; None if it makes no sense.

    "2026:07:31 12:00:00" and "2026-07-31T12:00+02:00" are whole, "2026-07" and "2026:07:00
    00:00:00" a month. Hour 24 and second 60 are those of the next day and minute.

    Args:
        text: The date.
        zone: The zone where it stands elsewhere, as EXIF's `OffsetTimeOriginal` does: "+02:00".
    """
    if not isinstance(text, str):
        return None
    text = text[:_MAX_CHARS].strip("\0 \t\r\n")
    found = _COMPACT.match(text) or _DATE.match(text)
    if found is None:
        return None
    year, month, day = (int(part or 0) for part in found.groups())
    rest = text[found.end() :]
    try:
        return _taken(year, month, day, rest, _offset(zone))
    except (ValueError, OverflowError):
        return None


def _taken(year: int, month: int, day: int, rest: str, offset: int | None) -> Taken | None:
    """Build a date of its parts.

    Raises:
        ValueError: A part is not in the calendar.
        OverflowError: It is after the calendar's end.
    """
    if year < _FIRST_YEAR:
        return None
    if not month:
        return Taken(datetime(year, 1, 1), TakenPrecision.YEAR)  # noqa: DTZ001  a wall clock
    if not day:
        return Taken(datetime(year, month, 1), TakenPrecision.MONTH)  # noqa: DTZ001
    midnight = datetime(year, month, day)  # noqa: DTZ001
    time = _TIME.match(rest)
    if time is None:
        return Taken(midnight, TakenPrecision.DAY)
    hour, minute, second = (int(part or 0) for part in time.groups()[:3])
    if hour > 24 or minute > 59 or second > 60:  # noqa: PLR2004  24:00 and a leap second exist
        return Taken(midnight, TakenPrecision.DAY)
    micros = int((time[4] or "0")[:6].ljust(6, "0"))
    since = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)
    said = _offset(rest[time.end() :])
    return Taken(midnight + since, TakenPrecision.SECOND, offset if said is None else said)


def _offset(text: object) -> int | None:
    """Return the minutes east of UTC of "+02:00" or "Z"; None for what is not a zone."""
    if not isinstance(text, str):
        return None
    zone = _ZONE.match(text.strip("\0 "))
    if zone is None:
        return None
    if zone[1]:
        return 0
    minutes = int(zone[3]) * 60 + int(zone[4] or 0)
    if minutes > _MAX_OFFSET_MINUTES:
        return None
    return -minutes if zone[2] == "-" else minutes
