"""What metadata says of a photo: keywords, date, position and camera, as plain values.

`worker` reads them out of files and sidecars without a database; `catalog.photos.said` stores them.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

#: The source of a date that was read from the name of a file: the last resort.
FILE_NAME = "file name"


class TakenPrecision(enum.StrEnum):
    """How much of a date is known; the rest of it is the first of its kind."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    SECOND = "second"


_PRECISIONS = (*TakenPrecision,)
#: How much of an ISO date is known at each precision: "2023", "2023-05", "2023-05-17".
KNOWN_CHARS = {TakenPrecision.YEAR: 4, TakenPrecision.MONTH: 7, TakenPrecision.DAY: 10}


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword of a photo, as the file spells it."""

    word: str
    #: Nearest first: ("dog", "animals") of a beagle.
    broader: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """When a photo was taken, as far as that is known."""

    #: The camera's wall clock, naive; the first of its kind where only a part is known.
    at: datetime
    precision: TakenPrecision
    #: Minutes east of UTC of that clock, where it says so.
    offset_minutes: int | None = None

    def is_better_than(self, other: "Taken | None") -> bool:
        """Return whether this is the same date as another, with more of it known."""
        if other is None:
            return True
        same = KNOWN_CHARS.get(other.precision)
        is_finer = _PRECISIONS.index(self.precision) > _PRECISIONS.index(other.precision)
        return is_finer and self.at.isoformat()[:same] == other.at.isoformat()[:same]


@dataclass(frozen=True, slots=True)
class Said:
    """What one file or sidecar says of its photo; None and empty for what it does not say."""

    keywords: tuple[Keyword, ...] = ()
    #: It has a keyword field, even if that is empty: a sidecar then replaces the file's keywords.
    has_keywords: bool = False
    taken: Taken | None = None
    #: Latitude and longitude, WGS 84 degrees, north and east positive.
    position: tuple[float, float] | None = None
    camera: str | None = None
    #: Where each fact stood: `{"taken": "EXIF", "position": "XMP"}`.
    sources: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return this as JSON, without what is not known."""
        known: dict[str, Any] = {}
        if self.has_keywords or self.keywords:
            known["keywords"] = [[each.word, *each.broader] for each in self.keywords]
        if self.taken is not None:
            taken = self.taken
            known["taken"] = [taken.at.isoformat(), taken.precision.value, taken.offset_minutes]
        if self.position is not None:
            known["position"] = list(self.position)
        if self.camera is not None:
            known["camera"] = self.camera
        if self.sources:
            known["sources"] = dict(self.sources)
        return known

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return what `to_json` made JSON of."""
        taken, position = data.get("taken"), data.get("position")
        return cls(
            keywords=tuple(Keyword(word, tuple(up)) for word, *up in data.get("keywords", ())),
            has_keywords="keywords" in data,
            taken=None if taken is None else _taken(*taken),
            position=None if position is None else (position[0], position[1]),
            camera=data.get("camera"),
            sources=data.get("sources", {}),
        )


def _taken(at: str, precision: str, offset_minutes: int | None) -> Taken:
    return Taken(datetime.fromisoformat(at), TakenPrecision(precision), offset_minutes)
