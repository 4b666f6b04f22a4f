"""Reads dates in a query: `2023`, `2023-05`, `today`, `-7d`.

`catalog.language.fields` calls it.
"""

import re
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, timedelta, tzinfo

_ISO = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ](\d{1,2})(?::(\d{2})(?::(\d{2}))?)?)?)?)?"
)
_AGO = re.compile(r"-(\d{1,5})\s*([hdwmy])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_MONTHS = {"m": 1, "y": 12}
_HELP = "write 2023, 2023-05, 2023-05-17, today, yesterday, or -7d (h d w m y) for that long ago"


@dataclass(frozen=True, slots=True)
class Period:
    """Half-open interval [start, end). Equal bounds are an instant; None is unbounded."""

    start: datetime | None
    end: datetime | None


def read_period(text: str, *, now: datetime, zone: tzinfo | None) -> Period:
    """Return the period that a date names: `2023-05` is all of that May.

    `now` is aware. The result is in `zone`, or naive on the clock of `now` if `zone` is None.

    Raises:
        ValueError: The text is not a date; the message says what to write.
    """
    text = text.strip()
    here = now.replace(tzinfo=zone) if zone is None else now.astimezone(zone)
    if text == "*":
        return Period(None, None)
    if text.casefold() in {"today", "yesterday"}:
        midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
        start = midnight - timedelta(days=text.casefold() == "yesterday")
        return Period(start, start + timedelta(days=1))
    if ago := _AGO.fullmatch(text.casefold()):
        moment = _ago(here, int(ago[1]), ago[2])
        return Period(moment, moment)
    if iso := _ISO.fullmatch(text):
        return _named_period(iso, text, zone)
    raise ValueError(f"{text!r} is not a date; {_HELP}")


def _ago(here: datetime, count: int, unit: str) -> datetime:
    try:
        if unit in _UNITS:
            return here - count * _UNITS[unit]
        months = here.year * 12 + here.month - 1 - count * _MONTHS[unit]
        first = here.replace(year=months // 12, month=months % 12 + 1, day=1)
        last_day = (_next_month(first) - timedelta(days=1)).day
        return first.replace(day=min(here.day, last_day))
    except (OverflowError, ValueError) as error:
        raise ValueError(f"-{count}{unit} is before the calendar begins; {_HELP}") from error


def _named_period(iso: re.Match[str], text: str, zone: tzinfo | None) -> Period:
    year, month, day, hour, minute, second = (int(part) if part else None for part in iso.groups())
    try:
        start = datetime(
            year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=zone
        )
        if month is None:
            return Period(start, None if start.year == MAXYEAR else _year_later(start))
        if day is None:
            return Period(start, _next_month(start))
        step = timedelta(days=1) if hour is None else timedelta(hours=1)
        step = step if minute is None else timedelta(minutes=1)
        step = step if second is None else timedelta(seconds=1)
        return Period(start, start + step)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not in the calendar; {_HELP}") from error


def _year_later(start: datetime) -> datetime:
    return start.replace(year=start.year + 1)


def _next_month(first: datetime) -> datetime:
    years, month = divmod(first.month, 12)
    return first.replace(year=first.year + years, month=month + 1)
