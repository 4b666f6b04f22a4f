"""Streams photos with their facts and keywords, in the order of their ids.

`formats` and `parquet` write what comes from here. Memory stays the same however many photos there
are: a million ids take 8 MB, and photos are read some thousand at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from catalog import paths
from catalog.db import sql
from catalog.db.tables import Decision, Photo, PhotoFile, PhotoTag, Root, Source
from catalog.query import all_matches
from catalog.query.run import Prepared
from catalog.tags import hierarchy
from catalog.tags.hierarchy import Hierarchy

#: Photos that are read together.
BATCH = 2_000


@dataclass(frozen=True, slots=True)
class ExportedKeyword:
    """A keyword on a photo."""

    #: The keyword and its broader words, the broadest first; the keyword itself is the last.
    path: tuple[str, ...]
    confidence: float
    source: Source
    decision: Decision | None

    @property
    def name(self) -> str:
        """The keyword itself."""
        return self.path[-1]


@dataclass(frozen=True, slots=True)
class ExportedPhoto:
    """A photo with everything that an export names."""

    photo: Photo
    #: Every file that is there; where none is, those that are missing.
    files: tuple[Path, ...]
    #: Those that count, the highest confidence first.
    keywords: tuple[ExportedKeyword, ...]
    #: Words that a person rejected on this photo.
    rejected: tuple[str, ...]


@dataclass(slots=True)
class _Files:
    there: list[Path] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)


def stream(ready: Prepared) -> Iterator[ExportedPhoto]:
    """Yield every photo that a query finds, in ascending order of ids."""
    known = hierarchy.load(ready.session)
    ids = all_matches.find_id_array(ready.session, ready)
    for start in range(0, len(ids), BATCH):
        yield from _load(ready, [int(each) for each in ids[start : start + BATCH]], known)


def _load(ready: Prepared, ids: Sequence[int], known: Hierarchy) -> Iterator[ExportedPhoto]:
    session = ready.session
    with session.no_autoflush:
        found = list(session.scalars(select(Photo).where(Photo.id.in_(ids)).order_by(Photo.id)))
    files, keywords = _load_files(ready, ids), _load_keywords(ready, ids, known)
    for photo in found:
        session.expunge(photo)  # or a million of them would stay in memory
        lies = files.get(photo.id, _Files())
        of_photo = keywords.get(photo.id, [])
        yield ExportedPhoto(
            photo,
            tuple(lies.there or lies.missing),
            tuple(each for each in of_photo if each.decision != Decision.REJECTED),
            tuple(each.name for each in of_photo if each.decision == Decision.REJECTED),
        )


def _load_files(ready: Prepared, ids: Sequence[int]) -> dict[int, _Files]:
    query = (
        select(PhotoFile.photo_id, Root.path, PhotoFile.path, PhotoFile.missing_since)
        .join(Root, Root.id == PhotoFile.root_id)
        .where(PhotoFile.photo_id.in_(ids))
        .order_by(PhotoFile.id)
    )
    found: dict[int, _Files] = {}
    for photo_id, root, path, missing in ready.session.execute(query):
        if photo_id is not None:
            of_photo = found.setdefault(photo_id, _Files())
            chosen = of_photo.there if missing is None else of_photo.missing
            chosen.append(paths.join(root, path))
    return found


def _load_keywords(
    ready: Prepared, ids: Sequence[int], known: Hierarchy
) -> dict[int, list[ExportedKeyword]]:
    row = PhotoTag
    counts = (row.decision == Decision.REJECTED) | (row.confidence >= sql.as_real(ready.least))
    query = (
        select(row.photo_id, row.tag_id, row.confidence, row.source, row.decision)
        .where(row.photo_id.in_(ids), counts)
        .order_by(row.confidence.desc(), row.tag_id)
    )
    found: dict[int, list[ExportedKeyword]] = {}
    for photo_id, tag_id, confidence, source, decision in ready.session.execute(query):
        if tag_id in known.names:  # PostgreSQL may show a tag that came after the hierarchy
            keyword = ExportedKeyword(known.path(tag_id), confidence, source, decision)
            found.setdefault(photo_id, []).append(keyword)
    return found
