"""Finds occasions: photos taken one after another, split where the gap in time or place is large.

`catalog.groups.kinds` calls it. A gap is compared with the gaps around it (Platt, Czerwinski, Field
2003, PhotoTOC, doi:10.1109/ICICS.2003.1292402): an hour ends a walk, but not a holiday with three
photos a day.
"""

import itertools
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import query
from catalog.db.tables import Photo
from catalog.groups import matrix
from catalog.groups import names as group_names
from catalog.groups.matrix import Incidence
from catalog.query import geo
from catalog.tags import store

#: PhotoTOC: a gap splits two occasions if it exceeds 17 x the geometric mean of the ten gaps on
#: each side.
RATIO, NEIGHBOURS = 17.0, 10
#: A shorter gap than the first never splits; a longer one than the second always does.
LEAST_GAP_S, MOST_GAP_S = 1800.0, 36 * 3600.0
#: A gap of at least this distance and duration splits too.
JOURNEY_KM, JOURNEY_S = 30.0, 1200.0


@dataclass(frozen=True, slots=True)
class Event:
    """Photos of one occasion."""

    #: Counted by time from 1.
    number: int
    #: The date, the place if known, and the keywords that set it apart.
    name: str
    start: datetime
    end: datetime
    #: Mean position in WGS 84 degrees, if any of its photos has one.
    place: tuple[float, float] | None
    #: By time.
    photo_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Shot:
    photo_id: int
    taken_at: datetime
    latitude: float | None
    longitude: float | None


def find_events(session: Session, *, within: str = "", min_size: int = 1) -> list[Event]:
    """Return the occasions of a query's photos, oldest first, without undated photos."""
    found = matrix.load(session, query.prepare(session, within))
    shots = _load_shots(session, set(found.photo_ids.tolist()))
    if not shots:
        return []
    ends = np.flatnonzero(find_ends(_seconds(shots), _kilometres(shots))) + 1
    parts = [shots[a:b] for a, b in zip([0, *ends], [*ends, len(shots)], strict=True)]
    large = [part for part in parts if len(part) >= min_size]
    words = _telling_words(session, found, large)
    return [_event(number, part, words[number - 1]) for number, part in enumerate(large, 1)]


def find_ends(moments: NDArray[np.float64], moved_km: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (n - 1,) bool: whether each gap splits two occasions.

    `moments` (n,) are seconds, ascending; `moved_km` (n - 1,) are distances, 0 if unknown.
    """
    gaps = np.diff(moments)
    logs = np.log(np.maximum(gaps, 1.0))
    sums = np.concatenate([[0.0], np.cumsum(logs)])
    place = np.arange(len(gaps))
    low = np.maximum(place - NEIGHBOURS, 0)
    high = np.minimum(place + NEIGHBOURS + 1, len(gaps))
    around = (sums[high] - sums[low]) / np.maximum(high - low, 1)
    stands_out = (logs >= np.log(RATIO) + around) & (gaps >= LEAST_GAP_S)
    journey = (moved_km >= JOURNEY_KM) & (gaps >= JOURNEY_S)
    ends: NDArray[np.bool_] = stands_out | journey | (gaps >= MOST_GAP_S)
    return ends


def _load_shots(session: Session, wanted: set[int]) -> list[_Shot]:
    dated = select(Photo.id, Photo.taken_at, Photo.latitude, Photo.longitude)
    dated = dated.where(Photo.taken_at.is_not(None)).order_by(Photo.taken_at, Photo.id)
    return [
        _Shot(photo_id, taken, latitude, longitude)
        for photo_id, taken, latitude, longitude in session.execute(dated)
        if photo_id in wanted and taken is not None
    ]


def _seconds(shots: list[_Shot]) -> NDArray[np.float64]:
    first = shots[0].taken_at
    return np.array([(shot.taken_at - first).total_seconds() for shot in shots])


def _kilometres(shots: list[_Shot]) -> NDArray[np.float64]:
    moved = np.zeros(len(shots) - 1)
    for n, (before, after) in enumerate(itertools.pairwise(shots)):
        if after.latitude is not None and after.longitude is not None:
            far = geo.distance_km(
                before.latitude, before.longitude, after.latitude, after.longitude
            )
            moved[n] = far or 0.0
    return moved


def _telling_words(session: Session, found: Incidence, parts: list[list[_Shot]]) -> list[list[str]]:
    ids = np.array([shot.photo_id for part in parts for shot in part], dtype=np.int64)
    numbers = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    rows = np.searchsorted(found.photo_ids, ids)
    ones = np.ones(len(ids))
    shape = (len(found.photo_ids), len(parts))
    members = sparse.csr_array(sparse.coo_array((ones, (rows, numbers)), shape=shape))
    ranked = group_names.rank_tags(found, members)
    wanted = {int(found.tag_ids[tag]) for tags in ranked for tag in tags[: group_names.NAME_TAGS]}
    names = store.find_names(session, wanted)
    return [
        [names[int(found.tag_ids[tag])] for tag in tags[: group_names.NAME_TAGS]] for tags in ranked
    ]


def _event(number: int, part: list[_Shot], words: list[str]) -> Event:
    start, end = part[0].taken_at, part[-1].taken_at
    days = [f"{start:%Y-%m-%d}"] + ([f"{end:%Y-%m-%d}"] if end.date() > start.date() else [])
    place = _mean_place(part)
    where = [] if place is None else [f"{place[0]:.2f}, {place[1]:.2f}"]
    name = "; ".join([" to ".join(days), *where, *([", ".join(words)] if words else [])])
    return Event(number, name, start, end, place, tuple(shot.photo_id for shot in part))


def _mean_place(part: list[_Shot]) -> tuple[float, float] | None:
    places = np.array(
        [
            (shot.latitude, shot.longitude)
            for shot in part
            if shot.latitude is not None and shot.longitude is not None
        ]
    )
    if not len(places):
        return None
    places[:, 1] -= 360 * np.round((places[:, 1] - places[0, 1]) / 360)  # across the date line
    latitude, longitude = np.median(places, axis=0)
    return float(latitude), float((longitude + 180) % 360 - 180)
