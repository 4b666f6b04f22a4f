"""Reads the JSON that Google Takeout puts beside each photo: when it was taken, and where.

`worker.watch` treats it as a sidecar. Its description is prose, not keywords, and is left out.
Names: `IMG.jpg.json`, `IMG.jpg.supplemental-metadata.json`; both are cut so that 46 characters
stand before `.json`. The second of two photos of one name, `IMG(1).jpg`, has `IMG.jpg(1).json`.
"""

import json
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from catalog.said import Said, Taken, TakenPrecision
from worker import extensions

#: The files have a few hundred bytes.
MAX_BYTES = 256 * 1024

_SUFFIX = ".json"
_MAX_STEM = 46
_ADDED = ".supplemental-metadata"
_COUNTER = re.compile(r"\((\d{1,4})\)$")
_MAX_DEGREES = (90.0, 180.0)


def is_takeout(name: str) -> bool:
    """Return whether a file may be Takeout's JSON of a photo, by its name."""
    if not name.lower().endswith(_SUFFIX) or name.startswith("."):
        return False
    stem = name[: -len(_SUFFIX)]
    return len(stem) == _MAX_STEM or any(extensions.is_photo(each) for each, _ in _readings(stem))


def owner_of(name: str, photos: Collection[str]) -> str | None:
    """Return the photo that a JSON file is of, among those of its folder; None if none is certain.

    Args:
        name: The name of the JSON file.
        photos: The names of the photos beside it.
    """
    stem = name[: -len(_SUFFIX)]
    for base, counter in _readings(stem):
        wanted = _with_counter(base, counter)
        if wanted in photos:
            return wanted
    if len(_COUNTER.sub("", stem)) < _MAX_STEM:
        return None
    base, counter = next(iter(_readings(stem)))
    long = [each for each in photos if each.startswith(base) and _counter_of(each) == counter]
    return long[0] if len(long) == 1 else None


def parse(data: bytes) -> Said:
    """Return the date, in UTC, and the position; empty for what is no such JSON."""
    try:
        found = json.loads(data[:MAX_BYTES])
    except (ValueError, RecursionError):
        return Said()
    if not isinstance(found, dict) or not isinstance(found.get("photoTakenTime"), dict):
        return Said()
    taken = _taken(found["photoTakenTime"].get("timestamp"))
    places = (_position(found.get(name)) for name in ("geoData", "geoDataExif"))
    position = next((place for place in places if place is not None), None)
    known = {"taken": taken, "position": position}
    sources = {name: "JSON" for name, value in known.items() if value is not None}
    return Said(taken=taken, position=position, sources=sources)


def _readings(stem: str) -> Iterable[tuple[str, str]]:
    """Yield what a stem may be: the photo's name and its counter, "(1)" or nothing."""
    counter = _COUNTER.search(stem)
    base = stem[: counter.start()] if counter else stem
    number = counter[0] if counter else ""
    yield base, number
    for length in range(len(_ADDED), 0, -1):  # it may be cut after any of its characters
        if base.endswith(_ADDED[:length]):
            yield base[:-length], number


def _with_counter(name: str, counter: str) -> str:
    path = PurePath(name)
    return f"{path.stem}{counter}{path.suffix}" if counter else name


def _counter_of(photo: str) -> str:
    found = _COUNTER.search(PurePath(photo).stem)
    return found[0] if found else ""


def _taken(timestamp: object) -> Taken | None:
    try:
        at = datetime.fromtimestamp(int(str(timestamp)), UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None
    return Taken(at, TakenPrecision.SECOND, 0)


def _position(found: Any) -> tuple[float, float] | None:  # noqa: ANN401  JSON of any shape
    if not isinstance(found, dict):
        return None
    latitude, longitude = (_degrees(found.get(name)) for name in ("latitude", "longitude"))
    if latitude is None or longitude is None or (latitude, longitude) == (0.0, 0.0):
        return None
    is_on_earth = abs(latitude) <= _MAX_DEGREES[0] and abs(longitude) <= _MAX_DEGREES[1]
    return (latitude, longitude) if is_on_earth else None


def _degrees(value: object) -> float | None:
    return (
        float(value) if isinstance(value, int | float) and abs(value) <= _MAX_DEGREES[1] else None
    )
