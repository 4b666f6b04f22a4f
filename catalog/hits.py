"""What a list of results shows of each photo, loaded in three statements however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import paths, sql
from catalog.compiler import alive
from catalog.cursor import Place
from catalog.models import Photo, PhotoFile, PhotoState, PhotoTag, Root, Source, Tag

#: Keywords that a list shows of each photo, the surest first.
SHOWN_KEYWORDS = 8


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword on a photo, as a list shows it."""

    name: str
    confidence: float
    source: Source


@dataclass(frozen=True, slots=True)
class Hit:
    """A photo that was found."""

    photo_id: int
    #: Where it lies (or lay, if it is missing); None if no file is known.
    path: Path | None
    #: How well it fits the query, in [0, 1]; None in other orders than by relevance.
    relevance: float | None
    state: PhotoState
    taken_at: datetime | None
    added_at: datetime
    camera: str | None
    format: str | None
    width: int | None
    height: int | None
    #: The surest first.
    keywords: tuple[Keyword, ...]


def load(session: Session, places: Sequence[Place]) -> list[Hit]:
    """Load what a list shows, in the order of `places`."""
    ids = [place.photo_id for place in places]
    photos = _load_photos(session, ids)
    files, keywords = find_paths(session, ids), _load_keywords(session, ids)
    return [
        _hit(place, photos[place.photo_id], files, keywords)
        for place in places
        if place.photo_id in photos
    ]


def find_paths(session: Session, photo_ids: Sequence[int]) -> dict[int, Path]:
    """Give one path of each photo: of a file that is there if any is, the first known of those."""
    found: dict[int, Path] = {}
    for chunk in sql.chunks(photo_ids):
        query = (
            select(PhotoFile.photo_id, Root.path, PhotoFile.path)
            .join(Root, Root.id == PhotoFile.root_id)
            .where(PhotoFile.photo_id.in_(chunk))
            .order_by(PhotoFile.missing_since.desc().nulls_first(), PhotoFile.id)
        )
        for photo_id, root, path in session.execute(query):
            if photo_id is not None:
                found.setdefault(photo_id, paths.from_text(root) / paths.from_text(path))
    return found


def _load_photos(session: Session, photo_ids: Sequence[int]) -> dict[int, Photo]:
    return {
        photo.id: photo
        for chunk in sql.chunks(photo_ids)
        for photo in session.scalars(select(Photo).where(Photo.id.in_(chunk)))
    }


def _load_keywords(session: Session, photo_ids: Sequence[int]) -> dict[int, list[Keyword]]:
    found: dict[int, list[Keyword]] = {}
    for chunk in sql.chunks(photo_ids):
        query = (
            select(PhotoTag.photo_id, Tag.name, PhotoTag.confidence, PhotoTag.source)
            .join(Tag, Tag.id == PhotoTag.tag_id)
            .where(PhotoTag.photo_id.in_(chunk), alive(PhotoTag))
            .order_by(PhotoTag.confidence.desc(), Tag.name)
        )
        for photo_id, name, confidence, source in session.execute(query):
            shown = found.setdefault(photo_id, [])
            if len(shown) < SHOWN_KEYWORDS:
                shown.append(Keyword(name, confidence, source))
    return found


def _hit(
    place: Place, photo: Photo, files: dict[int, Path], keywords: dict[int, list[Keyword]]
) -> Hit:
    return Hit(
        photo_id=photo.id,
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
