"""What metadata says of a photo, as it was last read: in the file itself and in its sidecars.

`worker` reads it and records it here; `catalog.tags.metadata` makes keywords and facts of it. Rows
hold it as JSON (`PhotoFile.words`, `Sidecar.words`), so no file is opened to find out again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from catalog import paths
from catalog.db import bulk, sql
from catalog.db.tables import Photo, PhotoFile, PhotoState, Root, Sidecar
from catalog.said import FILE_NAME, Keyword, Said, Taken


@dataclass(frozen=True, slots=True)
class _Sources:
    """What is said of one photo, in the order of its files."""

    #: With the names of the sidecars.
    sidecars: list[tuple[str, Said]] = field(default_factory=list)
    embedded: list[Said] = field(default_factory=list)
    #: By file: the keywords that count, those of its sidecars before its own.
    keywords: list[Keyword] = field(default_factory=list)
    #: Files whose keywords are not known yet.
    unread: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Merged:
    """What all files and sidecars of a photo say together."""

    keywords: tuple[Keyword, ...]
    #: Columns of `Photo`.
    facts: Mapping[str, Any]
    #: Whether all keywords are known; if not, others may be added, and none is to be taken away.
    has_all_keywords: bool
    #: Whether what the file itself says is known; if not, a fact that is None may be wrong.
    is_whole: bool


def load(session: Session, photo_ids: Sequence[int]) -> dict[int, Merged]:
    """Return what is said of photos, by photo.

    Keywords: those of all present files of a photo; a sidecar with any keyword field replaces what
    its file says. Date and position: a sidecar's before the file's, then Google Takeout's, and for
    the date last the file's name. A date that another source knows more exactly is taken from that.
    A photo without a present file keeps what its missing ones said.
    """
    found: dict[int, _Sources] = {photo_id: _Sources() for photo_id in photo_ids}
    beside = _load_sidecars(session, photo_ids)
    files, read = _load_files(session, photo_ids)
    for file in files:
        here = found[file.photo_id]
        words = read.get(file.photo_id) if file.words is None else file.words
        embedded = None if words is None else Said.from_json(words)
        theirs = beside.get(file.id, [])
        speaking = [said for _, said in theirs if said.has_keywords]
        if embedded is not None:
            here.embedded.append(embedded)
        elif not speaking:
            here.unread.append(file.id)
        here.sidecars.extend(theirs)
        here.keywords.extend(
            each
            for said in (speaking or ([] if embedded is None else [embedded]))
            for each in said.keywords
        )
    return {photo_id: _merge(sources) for photo_id, sources in found.items()}


def record_embedded(session: Session, said: Mapping[int, Said]) -> None:
    """Record what files say of their photos, by photo; all files of a photo say the same."""
    rows = [
        {"photo_id": photo_id, "words": each.to_json()} for photo_id, each in sorted(said.items())
    ]
    bulk.update_by(session, PhotoFile, rows, key="photo_id")


def forget_embedded(session: Session, photo_ids: Iterable[int]) -> None:
    """Forget what files say of their photos, so that `find_unread` finds them."""
    for chunk in sql.chunks(photo_ids):
        session.execute(
            update(PhotoFile)
            .where(PhotoFile.photo_id.in_(chunk))
            .values(words=None)
            .execution_options(synchronize_session=False)
        )


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """A file whose metadata was not read since its content changed."""

    photo_id: int
    path: Path
    stat: paths.FileStat


def find_unread(
    session: Session,
    *,
    after: int = 0,
    limit: int = 256,
    photo_ids: Sequence[int] | None = None,
) -> list[UnreadFile]:
    """Return present files with metadata to be read, at most one a photo, by id of the photo.

    Pending photos are left out, since tagging reads their metadata.

    Args:
        session: The caller's transaction.
        after: Only photos with a greater id.
        limit: Maximum number of files that are looked at.
        photo_ids: Only these photos, at most `sql.MAX_IN`; None for all.
    """
    query = (
        select(PhotoFile, Root.path)
        .join(Root, Root.id == PhotoFile.root_id)
        .join(Photo, Photo.id == PhotoFile.photo_id)
        .where(
            PhotoFile.words.is_(None),
            PhotoFile.missing_since.is_(None),
            PhotoFile.photo_id > after,
            sql.unindexed(Photo.state).in_([PhotoState.TAGGED, PhotoState.QUARANTINED]),
        )
        .order_by(PhotoFile.photo_id, PhotoFile.id)
        .limit(limit)
    )
    if photo_ids is not None:
        query = query.where(PhotoFile.photo_id.in_(photo_ids))
    found: dict[int, UnreadFile] = {}
    for file, root in session.execute(query):
        if file.photo_id is not None:
            stat = paths.FileStat(file.size_bytes, file.mtime_ns, file.ctime_ns)
            unread = UnreadFile(file.photo_id, paths.join(root, file.path), stat)
            found.setdefault(file.photo_id, unread)
    return list(found.values())


def share_embedded(session: Session, photo_ids: Sequence[int]) -> set[int]:
    """Copy known metadata to other files of the same photo; return the photos that got some."""
    known: dict[int, Said] = {}
    for chunk in sql.chunks(photo_ids):
        query = select(PhotoFile.photo_id, PhotoFile.words).where(
            PhotoFile.photo_id.in_(chunk), PhotoFile.words.is_not(None)
        )
        for photo_id, words in session.execute(query):
            if photo_id is not None and words is not None:
                known.setdefault(photo_id, Said.from_json(words))
    record_embedded(session, known)
    return set(known)


@dataclass(frozen=True, slots=True)
class PresentFile:
    """A file that is there, of a photo whose metadata is to be read again."""

    root: Root
    path: Path


def find_present_files(session: Session, photo_ids: Sequence[int]) -> list[PresentFile]:
    """Return the present files of photos, those of one root and folder together."""
    found: list[PresentFile] = []
    for chunk in sql.chunks(photo_ids):
        query = (
            select(PhotoFile.path, Root)
            .join(Root, Root.id == PhotoFile.root_id)
            .where(PhotoFile.photo_id.in_(chunk), PhotoFile.missing_since.is_(None))
            .order_by(Root.id, PhotoFile.path)
        )
        found += [PresentFile(root, paths.join(root.path, p)) for p, root in session.execute(query)]
    return found


def _is_of(session: Session, photo_ids: Sequence[int]) -> ColumnElement[bool]:
    """Return the SQL condition that a file is of one of many photos, sent as one parameter."""
    return sql.member(PhotoFile.photo_id, photo_ids, session.get_bind().dialect.name)


def _load_files(
    session: Session, photo_ids: Sequence[int]
) -> tuple[list[Any], dict[int, dict[str, Any]]]:
    """Return the present files of photos, or all files of a photo that has none present.

    And, by photo, what any of its files says: one that was moved or copied says the same.
    """
    columns = (PhotoFile.id, PhotoFile.photo_id, PhotoFile.words, PhotoFile.missing_since)
    rows = [
        row
        for chunk in sql.chunks(photo_ids)
        for row in session.connection().execute(
            select(*columns).where(_is_of(session, chunk)).order_by(PhotoFile.id)
        )
    ]
    present = {row.photo_id for row in rows if row.missing_since is None}
    here = [row for row in rows if row.missing_since is None or row.photo_id not in present]
    return here, {row.photo_id: row.words for row in rows if row.words is not None}


def _load_sidecars(session: Session, photo_ids: Sequence[int]) -> dict[int, list[tuple[str, Said]]]:
    found: dict[int, list[tuple[str, Said]]] = {}
    for chunk in sql.chunks(photo_ids):
        query = (
            select(Sidecar.file_id, Sidecar.path, Sidecar.words)
            .join(PhotoFile, PhotoFile.id == Sidecar.file_id)
            .where(
                _is_of(session, chunk),
                Sidecar.words.is_not(None),
                Sidecar.missing_since.is_(None),
            )
            .order_by(Sidecar.path)
        )
        for file_id, path, words in session.connection().execute(query):
            if file_id is not None and words is not None:
                name = paths.printable(path.rsplit("/", 1)[-1])
                found.setdefault(file_id, []).append((name, Said.from_json(words)))
    return found


def _merge(sources: _Sources) -> Merged:
    def is_xmp(name: str) -> bool:
        return name.lower().endswith(".xmp")

    ordered = [(name, said) for name, said in sources.sidecars if is_xmp(name)]
    ordered += [("", said) for said in sources.embedded if not _is_guess(said)]
    ordered += [(name, said) for name, said in sources.sidecars if not is_xmp(name)]
    ordered += [("", said) for said in sources.embedded if _is_guess(said)]
    best: Taken | None = None
    facts: dict[str, Any] = {"latitude": None, "longitude": None, "camera": None}
    where: dict[str, str] = {}
    for name, said in ordered:
        if said.taken is not None and said.taken.is_better_than(best):
            best, where["taken_at"] = said.taken, _source(said, "taken", name)
        if facts["latitude"] is None and said.position is not None:
            facts["latitude"], facts["longitude"] = said.position
            where["latitude"] = _source(said, "position", name)
        if facts["camera"] is None and said.camera is not None:
            facts["camera"], where["camera"] = said.camera, _source(said, "camera", name)
    facts["taken_at"] = None if best is None else best.at
    facts["taken_precision"] = None if best is None else best.precision
    facts["taken_offset_minutes"] = None if best is None else best.offset_minutes
    facts["fact_sources"] = where or None
    return Merged(
        keywords=tuple(sources.keywords),
        facts=facts,
        has_all_keywords=not sources.unread,
        is_whole=bool(sources.embedded),
    )


def _is_guess(said: Said) -> bool:
    return said.sources.get("taken") == FILE_NAME


def _source(said: Said, fact: str, name: str) -> str:
    source = said.sources.get(fact, "metadata")
    return f"{source} of {name}" if name else source
