"""Finds the photo that an argument refers to, and loads everything the catalogue knows about it.

The commands that take PHOTO arguments call it: an argument is an id, a path, or the end of a path.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import paths
from catalog.db import sql
from catalog.db.sql import like_escape
from catalog.db.tables import (
    Decision,
    Model,
    Photo,
    PhotoEvent,
    PhotoFile,
    PhotoTag,
    Root,
    Sidecar,
    SidecarState,
    Source,
    Tag,
    Tagger,
)
from catalog.errors import NotFoundError

#: How many paths an error names where an argument is ambiguous.
_SHOWN_PATHS = 5
_MAX_LOOK = 1000
_MAX_DIGITS = 19
_LAST_ID = 10 ** (_MAX_DIGITS - 1) - 1


@dataclass(frozen=True, slots=True)
class KeywordDetail:
    """A keyword on a photo, with its scores, its source and a person's decision about it."""

    name: str
    confidence: float
    #: Share of the softmax over the vocabulary; None if no model proposed the keyword.
    score: float | None
    #: Cosine of image and word embedding; None if no model proposed the keyword.
    similarity: float | None
    source: Source
    decision: Decision | None
    tagger_id: int | None


@dataclass(frozen=True, slots=True)
class TaggerDetail:
    """What computed the scores: model, vocabulary, prompts and scoring settings."""

    id: int
    model: str
    model_digest: str
    vocabulary: str
    prompts: tuple[str, ...]
    scoring: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileDetail:
    """A file of a photo, present or missing."""

    path: Path
    size_bytes: int
    missing_since: datetime | None


@dataclass(frozen=True, slots=True)
class SidecarDetail:
    """A sidecar of one of a photo's files."""

    path: Path
    state: SidecarState
    #: Why it was refused, or could not be written.
    failure: str | None
    #: Kadr's words that another program took out.
    withdrawn: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventDetail:
    """An entry in a photo's history."""

    at: datetime
    kind: str
    detail: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class PhotoDetail:
    """A photo with everything the catalogue knows about it."""

    photo: Photo
    keywords: tuple[KeywordDetail, ...]
    taggers: tuple[TaggerDetail, ...]
    files: tuple[FileDetail, ...]
    sidecars: tuple[SidecarDetail, ...]
    #: Oldest first.
    history: tuple[EventDetail, ...]


def get_photo(session: Session, path_or_id: str | int | PurePath) -> PhotoDetail:
    """Return a photo by its id, its path, or an unambiguous end of its path.

    Raises:
        NotFoundError: No photo matches, or several do.
    """
    photo = session.get_one(Photo, find_photo_id(session, path_or_id))
    keywords = tuple(_load_keywords(session, photo.id))
    used = {photo.tagger_id, *(keyword.tagger_id for keyword in keywords)} - {None}
    return PhotoDetail(
        photo=photo,
        keywords=keywords,
        taggers=tuple(_load_taggers(session, sorted(each for each in used if each is not None))),
        files=tuple(_load_files(session, photo.id)),
        sidecars=tuple(_load_sidecars(session, photo.id)),
        history=tuple(_load_history(session, photo.id)),
    )


def get_photo_by_id(session: Session, photo_id: int) -> PhotoDetail:
    """Return a photo by its id alone: a path never comes from outside this machine.

    Raises:
        NotFoundError: There is no photo with this id.
    """
    if not 0 < photo_id <= _LAST_ID or session.get(Photo, photo_id) is None:
        raise NotFoundError(f"there is no photo with the id {photo_id}")
    return get_photo(session, photo_id)


def _load_keywords(session: Session, photo_id: int) -> list[KeywordDetail]:
    row = PhotoTag
    query = (
        select(
            Tag.name,
            row.confidence,
            row.score,
            row.similarity,
            row.source,
            row.decision,
            row.tagger_id,
        )
        .join(Tag, Tag.id == row.tag_id)
        .where(row.photo_id == photo_id)
        .order_by(row.confidence.desc(), Tag.name)
    )
    return [KeywordDetail(*found) for found in session.execute(query)]


def _load_taggers(session: Session, tagger_ids: Sequence[int]) -> list[TaggerDetail]:
    query = (
        select(Tagger, Model)
        .join(Model, Model.id == Tagger.model_id)
        .where(Tagger.id.in_(tagger_ids))
        .order_by(Tagger.id)
    )
    return [
        TaggerDetail(
            id=tagger.id,
            model=model.name,
            model_digest=model.digest,
            vocabulary=tagger.vocabulary,
            prompts=tuple(tagger.prompts),
            scoring=tagger.scoring,
        )
        for tagger, model in session.execute(query)
    ]


def _load_files(session: Session, photo_id: int) -> list[FileDetail]:
    query = (
        select(PhotoFile, Root.path)
        .join(Root, Root.id == PhotoFile.root_id)
        .where(PhotoFile.photo_id == photo_id)
        .order_by(PhotoFile.missing_since.is_not(None), PhotoFile.id)
    )
    return [
        FileDetail(
            paths.from_text(root) / paths.from_text(file.path), file.size_bytes, file.missing_since
        )
        for file, root in session.execute(query)
    ]


def _load_sidecars(session: Session, photo_id: int) -> list[SidecarDetail]:
    query = (
        select(Sidecar, Root.path)
        .join(Root, Root.id == Sidecar.root_id)
        .join(PhotoFile, PhotoFile.id == Sidecar.file_id)
        .where(
            PhotoFile.photo_id == photo_id,
            Sidecar.missing_since.is_(None),
            Sidecar.mtime_ns.is_not(None),
        )
        .order_by(Sidecar.path)
    )
    return [
        SidecarDetail(
            paths.from_text(root) / paths.from_text(row.path),
            row.state,
            row.failure,
            tuple((row.withdrawn or {}).get("flat", ())),
        )
        for row, root in session.execute(query)
    ]


def _load_history(session: Session, photo_id: int) -> list[EventDetail]:
    query = select(PhotoEvent).where(PhotoEvent.photo_id == photo_id)
    ordered = query.order_by(PhotoEvent.at, PhotoEvent.id)
    return [EventDetail(event.at, event.kind, event.detail) for event in session.scalars(ordered)]


def find_photo_id(session: Session, path_or_id: str | int | PurePath) -> int:
    """Return the id of a photo by its number, its path, or an unambiguous end of its path.

    If the argument names an existing file it means that file, whatever other paths end the same.

    Raises:
        NotFoundError: No photo matches, or several do.
    """
    text = str(path_or_id)
    if text.isascii() and text.isdigit():
        number = int(text[:_MAX_DIGITS])
        if len(text) < _MAX_DIGITS and session.get(Photo, number) is not None:
            return number
    given = os.path.expanduser(text)  # noqa: PTH111
    # Try the path relative to the working folder (the file may be gone), and with links resolved.
    places = (os.path.abspath(given), os.path.realpath(given))  # noqa: PTH100
    for place in places if os.path.exists(given) else (text, *places):  # noqa: PTH110
        if found := _find_by_path(session, place):
            break
    if len(found) == 1:
        return next(iter(found))
    if not found:
        message = f"{text}: no such photo in the catalogue; `kadr tag` its folder or give its id"
        raise NotFoundError(message)
    examples = ", ".join(paths.printable(path) for path in sorted(found.values())[:_SHOWN_PATHS])
    raise NotFoundError(
        f"{text}: {len(found)} photos have paths that end like this ({examples}); "
        "give more of the path"
    )


def find_places(session: Session, sha256: bytes) -> list[Path]:
    """Return the paths of the present files with a content, the first registered first."""
    query = (
        select(Root.path, PhotoFile.path)
        .join(PhotoFile, PhotoFile.root_id == Root.id)
        .join(Photo, Photo.id == PhotoFile.photo_id)
        .where(Photo.sha256 == sha256, PhotoFile.missing_since.is_(None))
        .order_by(PhotoFile.id)
    )
    return [paths.join(root, path) for root, path in session.execute(query)]


def find_places_of(session: Session, photo_ids: Sequence[int]) -> list[list[Path]]:
    """Return the paths of the present files of each photo, the first registered first."""
    found: dict[int, list[Path]] = {photo_id: [] for photo_id in photo_ids}
    for chunk in sql.chunks(found):
        query = (
            select(PhotoFile.photo_id, Root.path, PhotoFile.path)
            .join(Root, Root.id == PhotoFile.root_id)
            .where(PhotoFile.photo_id.in_(chunk), PhotoFile.missing_since.is_(None))
            .order_by(PhotoFile.id)
        )
        for photo_id, root, path in session.execute(query):
            if photo_id is not None:
                found[photo_id].append(paths.join(root, path))
    return list(found.values())


def _find_by_path(session: Session, given: str) -> dict[int, str]:
    text = paths.to_text(given)
    whole = Root.path + "/" + PhotoFile.path
    if PurePath(given).is_absolute():
        beginnings = [text[:end] for end, char in enumerate(text) if char == "/" and end]
        pairs = [(root, text[len(root) + 1 :]) for root in ["", *beginnings]]
        is_it = Root.path.in_([root for root, _ in pairs]) & PhotoFile.path.in_(
            [path for _, path in pairs]
        )
        is_it &= whole == text
    else:
        is_it = (PhotoFile.path == text) | PhotoFile.path.like(f"%/{like_escape(text)}", escape="!")
    is_missing = PhotoFile.missing_since.is_not(None)
    query = (
        select(PhotoFile.photo_id, whole.label("path"), is_missing.label("is_missing"))
        .join(Root, Root.id == PhotoFile.root_id)
        .where(is_it, PhotoFile.photo_id.is_not(None))
        .order_by(is_missing, PhotoFile.id)
        .limit(_MAX_LOOK)
    )
    rows = session.execute(query).all()
    # Photos present at that path take precedence over those that were there once.
    now = [row for row in rows if not row.is_missing] or rows
    return {row.photo_id: row.path for row in reversed(now)}
