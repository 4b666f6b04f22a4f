"""Loads what a list of results shows of each photo, in four statements per page.

`run` calls `load` for a page of results; commands call it for lists of similar photos and groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from catalog import paths
from catalog.db import sql
from catalog.db.tables import Decision, Photo, PhotoFile, PhotoState, PhotoTag, Root, Source
from catalog.query.pages import Position
from catalog.tags import store, threshold

#: How many keywords a list shows of each photo, those of highest confidence first.
SHOWN_KEYWORDS = 8
#: What a list shows of the photo itself.
_OF_PHOTO = (
    *("id", "sha256", "thumbhash", "state", "taken_at", "added_at"),
    *("camera", "format", "width", "height"),
)
_SOURCES = {each.value: each for each in Source}
_DECISIONS = {None: None} | {each.value: each for each in Decision}


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword on a photo, as a list shows it."""

    name: str
    confidence: float
    source: Source
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A photo in a list of results."""

    photo_id: int
    #: Of the content, 32 bytes.
    sha256: bytes
    thumbhash: bytes | None
    #: Where it is (or was, if it is missing); None if no file is known.
    path: Path | None
    #: Relevance to the query, in [0, 1]; None in other orders than by relevance.
    relevance: float | None
    state: PhotoState
    taken_at: datetime | None
    added_at: datetime
    camera: str | None
    format: str | None
    width: int | None
    height: int | None
    #: Highest confidence first.
    keywords: tuple[Keyword, ...]


def load(session: Session, places: Sequence[Position], *, least: float | None = None) -> list[Hit]:
    """Return what a list shows, in the order of `places`; photos deleted meanwhile are left out.

    Keywords below the threshold `least` are left out; its default is KADR_MIN_CONFIDENCE.
    """
    ids = [place.photo_id for place in places]
    photos = _load_photos(session, ids)
    files = find_paths(session, ids)
    keywords = _load_keywords(session, ids, threshold.choose(least))
    return [
        _hit(place, photos[place.photo_id], files, keywords)
        for place in places
        if place.photo_id in photos
    ]


def find_paths(session: Session, photo_ids: Sequence[int]) -> dict[int, Path]:
    """Return one path for each photo: the first registered of its present files.

    If all are missing, it is the file that went missing last.
    """
    dialect = session.get_bind().dialect.name
    found: dict[int, Path] = {}
    known: dict[str, Path] = {}
    for chunk in sql.chunks(photo_ids):
        query = (
            select(PhotoFile.photo_id, Root.path, PhotoFile.path)
            .join(Root, Root.id == PhotoFile.root_id)
            .where(sql.member(PhotoFile.photo_id, chunk, dialect))
            .order_by(PhotoFile.missing_since.desc().nulls_first(), PhotoFile.id)
        )
        for photo_id, root, path in sql.fetch(session, query):
            if photo_id not in found:
                folder = known.get(root) or known.setdefault(root, paths.from_text(root))
                found[photo_id] = folder / paths.from_text(path)
    return found


def _load_photos(session: Session, photo_ids: Sequence[int]) -> dict[int, Row[Any]]:
    dialect = session.get_bind().dialect.name
    columns = [getattr(Photo, name) for name in _OF_PHOTO]
    return {
        photo.id: photo
        for chunk in sql.chunks(photo_ids)
        for photo in session.connection().execute(
            select(*columns).where(sql.member(Photo.id, chunk, dialect))
        )
    }


def _load_keywords(
    session: Session, photo_ids: Sequence[int], least: float
) -> dict[int, list[Keyword]]:
    dialect = session.get_bind().dialect.name
    row = PhotoTag
    shown: dict[int, list[tuple[int, float, str, str | None]]] = {}
    for chunk in sql.chunks(photo_ids):
        query = (
            select(row.photo_id, row.tag_id, row.confidence, row.source, row.decision)
            .where(sql.member(row.photo_id, chunk, dialect), threshold.counts(row, least))
            .order_by(row.confidence.desc(), row.tag_id)
        )
        for photo_id, *rest in sql.fetch(session, query):
            of_photo = shown.setdefault(photo_id, [])
            if len(of_photo) < SHOWN_KEYWORDS:
                of_photo.append(tuple(rest))
    # With a join, PostgreSQL would read all tags to name a few.
    names = store.find_names(session, {row[0] for rows in shown.values() for row in rows})
    return {
        photo_id: [
            Keyword(names[tag_id], confidence, _SOURCES[source], _DECISIONS[decision])
            for tag_id, confidence, source, decision in rows
        ]
        for photo_id, rows in shown.items()
    }


def _hit(
    place: Position, photo: Row[Any], files: dict[int, Path], keywords: dict[int, list[Keyword]]
) -> Hit:
    return Hit(
        photo_id=photo.id,
        sha256=photo.sha256,
        thumbhash=photo.thumbhash,
        path=files.get(photo.id),
        relevance=place.key if isinstance(place.key, float) else None,
        state=photo.state,
        taken_at=photo.taken_at,
        added_at=photo.added_at,
        camera=photo.camera,
        format=photo.format,
        width=photo.width,
        height=photo.height,
        keywords=tuple(keywords.get(photo.id, ())),
    )
