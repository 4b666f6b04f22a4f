"""Owns the fields of the query language (`taken:`, `camera:`, ...) and reads their values.

`catalog.language.parser` calls it; `catalog.query.conditions` turns the operands into SQL.
"""

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from catalog.language import dates


class OperandError(ValueError):
    """The value after a field's colon is wrong; the text says why."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers or times from `low` to `high`; None is unbounded, an open end is excluded."""

    low: float | datetime | None = None
    high: float | datetime | None = None
    low_open: bool = False
    high_open: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several words."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with `*` for any characters and `?` for one; without these, a part of the value."""

    text: str


@dataclass(frozen=True, slots=True)
class Near:
    """Within `km` of a position in WGS 84 degrees."""

    latitude: float
    longitude: float
    km: float


Operand = Interval | Choice | Pattern | Near


@dataclass(frozen=True, slots=True)
class Parts:
    """A field's value: `:` and a value, a comparison (`<` `<=` `>` `>=`), or a range's two ends."""

    relation: str
    value: str
    end: str = ""


#: The values of `is:`, with their help text.
STATES = {
    "untagged": "has no keyword",
    "tagged": "a model has looked at it",
    "pending": "waits for a model, or is being looked at",
    "failed": "could not be read; `kadr show` says why",
    "missing": "none of its files is there any more",
    "superseded": "its picture was edited; another photo has its decisions",
    "confirmed": "a person confirmed or added a keyword",
    "withdrawn": "another program took a word of Kadr's out of its sidecar",
    "located": "its position is known",
    "dated": "the time it was taken is known",
}
_STATE_WORDS = {"quarantined": "failed"}

#: The fields that choose which keywords count.
RULES = frozenset({"confidence", "source"})

_SIZE_UNITS = {"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9}
_NEAR = re.compile(r"([-+\d.]+)\s*[, ]\s*([-+\d.]+)\s*[, ]\s*([\d.]+)\s*(km|m|mi)?", re.IGNORECASE)
_KM = {"km": 1.0, "m": 0.001, "mi": 1.609344}
#: Endings of files, for the format that they are.
_FORMATS = {"jpg": "jpeg", "tif": "tiff", "heif": "heic"}
_MAX_KM = 20040.0  # half-way round


def read_operand(name: str, parts: Parts, *, now: datetime) -> Operand:
    """Return the value of a field.

    Raises:
        OperandError: The field does not take this value.
    """
    return _READERS[name](name, parts, now)


def explain_unknown(name: str) -> str:
    """Return a message that an unknown field does not exist, with a similar one if there is one."""
    near = difflib.get_close_matches(name.casefold(), [*FIELDS], n=1, cutoff=0.6)
    meant = f"did you mean {near[0]}:? " if near else ""
    return f"there is no field {name!r}; {meant}fields are {', '.join(sorted(FIELDS))}"


def _read_number(text: str, name: str) -> float | None:
    if text == "*":
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        example = {"confidence": "0.5", "size": "2.5MB"}.get(name, "4000")
        raise OperandError(f"{text!r} is not a number; write e.g. {name}:>{example}")
    return number


def _read_size(text: str, name: str) -> float | None:
    found = re.fullmatch(r"([\d.]+)\s*([kmg]?b)?", text.casefold())
    if found is None:
        return _read_number(text, name)
    number = _read_number(found[1], name)
    return None if number is None else number * _SIZE_UNITS[found[2] or ""]


def _numbers(read: Callable[[str, str], float | None]) -> "_Reader":
    def operand(name: str, parts: Parts, _: datetime) -> Operand:
        low = read(parts.value, name)
        if parts.relation == ":":
            return Interval(low, low)
        if parts.relation[0] in "<>":
            return _compared(parts.relation, low)
        return _range(parts.relation, low, read(parts.end, name))

    return operand


def _compared(relation: str, bound: float | None) -> Interval:
    is_open = "=" not in relation
    if relation.startswith(">"):
        return Interval(low=bound, low_open=is_open)
    return Interval(high=bound, high_open=is_open)


def _range(ends: str, low: float | None, high: float | None) -> Interval:
    if low is not None and high is not None and low > high:
        raise OperandError(f"the range begins at {low:g} and ends before it, at {high:g}")
    return Interval(low, high, low_open=ends[0] == "{", high_open=ends[1] == "}")


def _times(name: str, parts: Parts, now: datetime) -> Operand:
    # A camera's clock has no zone, what the catalogue noted itself has.
    zone = None if name == "taken" else now.tzinfo
    try:
        period = dates.read_period(parts.value, now=now, zone=zone)
        other = dates.read_period(parts.end or "*", now=now, zone=zone)
    except ValueError as error:
        raise OperandError(str(error)) from error
    relation = parts.relation
    if relation == ":":
        return Interval(period.start, period.end, high_open=True)
    if relation[0] == ">":
        return Interval(low=period.start if "=" in relation else period.end)
    if relation[0] == "<":
        return Interval(high=period.end if "=" in relation else period.start, high_open=True)
    low = period.start if relation[0] == "[" else period.end
    high = other.end if relation[1] == "]" else other.start
    if _is_before(other.start, period.start) and not _is_before(period.start, other.end):
        raise OperandError(f"the range begins at {parts.value} and ends before it, at {parts.end}")
    return Interval(low, high, high_open=True)


def _is_before(first: datetime | None, second: datetime | None) -> bool:
    return first is not None and second is not None and first < second


def _choice(known: dict[str, str], also: dict[str, str]) -> "_Reader":
    def operand(name: str, parts: Parts, _: datetime) -> Operand:
        value = also.get(parts.value.casefold(), parts.value.casefold())
        if parts.relation != ":" or value not in known:
            raise OperandError(f"`{name}:` takes one of {', '.join(known)}, not {parts.value!r}")
        return Choice((value,))

    return operand


def _pattern(name: str, parts: Parts, _: datetime) -> Operand:
    if parts.relation != ":" or not parts.value:
        raise OperandError(f"`{name}:` takes a text, with * for any characters: {name}:*abc*")
    endings = _FORMATS if name == "format" else {}
    return Pattern(endings.get(parts.value.casefold(), parts.value))


def _near(_: str, parts: Parts, __: datetime) -> Operand:
    found = _NEAR.fullmatch(parts.value.strip())
    if parts.relation != ":" or found is None:
        raise OperandError('write latitude, longitude and distance: near:"48.85,2.35,10km"')
    latitude, longitude = _read_number(found[1], "near"), _read_number(found[2], "near")
    distance = _read_number(found[3], "near")
    if latitude is None or longitude is None or distance is None:
        raise OperandError('write latitude, longitude and distance: near:"48.85,2.35,10km"')
    km = distance * _KM[(found[4] or "km").casefold()]
    if abs(latitude) > 90 or abs(longitude) > 180 or not 0 < km <= _MAX_KM:  # noqa: PLR2004
        raise OperandError("latitude is within -90..90, longitude -180..180, distance over 0")
    return Near(latitude, longitude, km)


_Reader = Callable[[str, Parts, datetime], Operand]

_SOURCES = {"clip": "a model", "person": "a person", "metadata": "the file itself"}
_READERS: dict[str, _Reader] = {
    "added": _times,
    "camera": _pattern,
    "confidence": _numbers(_read_number),
    "format": _pattern,
    "height": _numbers(_read_number),
    "is": _choice(STATES, _STATE_WORDS),
    "near": _near,
    "path": _pattern,
    "size": _numbers(_read_size),
    "source": _choice(_SOURCES, {"model": "clip"}),
    "taken": _times,
    "width": _numbers(_read_number),
}

#: Every field by its name; `tag:` is read by the language itself.
FIELDS = frozenset({*_READERS, "tag"})
