"""Owns the rows of photos and files; `worker.watch` calls it with what it finds on disk.

A photo is its content, named by its sha256; a file is a path at which that content was seen.
Whether any file of a photo still exists is cached in `Photo.missing_since` for searches. The caller
owns the transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import Photo, PhotoFile, PhotoState
from catalog.paths import FileStat
from catalog.photos import history, lifecycle
from catalog.photos.history import EventKind

#: The caller sends a message for a new photo at once; if it gets lost, the sweep sends another
#: after this time.
RING_GRACE_S = 30.0

#: With at most this many missing photos, a statement reads their list once; with more it asks for
#: each photo.
FEW_GONE = 1_000


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as found on disk."""

    #: Relative to its root, in the form of `catalog.paths`.
    path: str
    stat: FileStat
    #: sha256 of its bytes; None if it could not be read.
    sha256: bytes | None
    #: sha256 of what is seen in it; None if its format allows none.
    image_digest: bytes | None = None
    #: Why it could not be read.
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the catalogue knows it."""

    stat: FileStat
    photo_id: int | None
    is_missing: bool


def find_known(session: Session, root_id: int, files: Iterable[str]) -> dict[str, KnownFile]:
    """Return the known files among relative paths, by path."""
    columns = (
        PhotoFile.path,
        PhotoFile.size_bytes,
        PhotoFile.mtime_ns,
        PhotoFile.ctime_ns,
        PhotoFile.photo_id,
        PhotoFile.missing_since,
    )
    known: dict[str, KnownFile] = {}
    for chunk in sql.chunks(files):
        query = select(*columns).where(PhotoFile.root_id == root_id, PhotoFile.path.in_(chunk))
        for path, size, mtime_ns, ctime_ns, photo_id, missing in session.execute(query):
            stat = FileStat(size, mtime_ns, ctime_ns)
            known[path] = KnownFile(stat, photo_id, missing is not None)
    return known


def find_present_paths(session: Session, root_id: int, folder: str = ".") -> list[str]:
    """Return the paths of known files below a relative folder that are not missing."""
    query = select(PhotoFile.path).where(
        PhotoFile.root_id == root_id, PhotoFile.missing_since.is_(None)
    )
    if folder != ".":
        query = query.where(sql.is_below(PhotoFile.path, folder))
    return list(session.scalars(query))


def register_files(
    session: Session, root_id: int, files: Sequence[SeenFile], *, now: datetime
) -> list[int]:
    """Register files found on disk; return the pending photos among them, in the order of `files`.

    New content becomes a pending photo; known content gets another file. The caller sends messages
    for the returned photos after the commit.
    """
    photo_ids, new_ids = _upsert_photos(session, files, now)
    before = find_known(session, root_id, [file.path for file in files])
    replaced = {known.photo_id for known in before.values() if known.photo_id is not None}
    lock(session, replaced.union(photo_ids.values()))
    arrived = _find_arrivals(files, before, photo_ids)
    known_before = {photo_id: arrived[photo_id] for photo_id in arrived.keys() - new_ids}
    _note_arrivals(session, known_before, now)
    _upsert_files(session, root_id, files, photo_ids)
    note_present(session, photo_ids.values())
    note_missing(session, replaced.difference(photo_ids.values()), now)
    ids = dict.fromkeys(photo_ids[file.sha256] for file in files if file.sha256 is not None)
    pending = set(_still_pending(session, ids))
    return [photo_id for photo_id in ids if photo_id in pending]


def mark_missing(session: Session, root_id: int, files: Iterable[str], *, now: datetime) -> int:
    """Mark files as missing and return their number; photos and tags stay until `kadr prune`."""
    marked = 0
    for chunk in sql.chunks(files):
        marked += _mark_missing(session, root_id, PhotoFile.path.in_(chunk), now)
    return marked


def mark_folder_missing(session: Session, root_id: int, folder: str, *, now: datetime) -> int:
    """Mark every file below a relative folder as missing, and return their number."""
    return _mark_missing(session, root_id, sql.is_below(PhotoFile.path, folder), now)


def _upsert_photos(
    session: Session, files: Sequence[SeenFile], now: datetime
) -> tuple[dict[bytes, int], set[int]]:
    sizes = {file.sha256: file.stat.size_bytes for file in files if file.sha256 is not None}
    pictures = {file.sha256: file.image_digest for file in files}
    known = _photo_ids(session, sizes)
    new = sorted(sizes.keys() - known.keys())  # sorted: two writers cannot deadlock
    due_at = now + timedelta(seconds=RING_GRACE_S)
    rows = [
        {"sha256": digest, "size_bytes": sizes[digest], "added_at": now, "due_at": due_at}
        | {"image_digest": pictures.get(digest)}
        for digest in new
    ]
    sql.insert_new(session, Photo, rows)
    ids = _photo_ids(session, sizes) if new else known
    new_ids = {ids[digest] for digest in new}
    history.add_events(session, sorted(new_ids), EventKind.ADDED, now=now)
    return ids, new_ids


def _photo_ids(session: Session, digests: Iterable[bytes]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for chunk in sql.chunks(digests):
        query = select(Photo.sha256, Photo.id).where(Photo.sha256.in_(chunk))
        found.update((bytes(digest), photo_id) for digest, photo_id in session.execute(query))
    return found


def _find_arrivals(
    files: Sequence[SeenFile], before: Mapping[str, KnownFile], photo_ids: Mapping[bytes, int]
) -> dict[int, tuple[str, bool]]:
    """Return, by photo, the path at which it appeared and whether it had been there before."""
    arrived: dict[int, tuple[str, bool]] = {}
    for file in files:
        if file.sha256 is None:
            continue
        photo_id, known = photo_ids[file.sha256], before.get(file.path)
        was_here = known is not None and known.photo_id == photo_id
        if known is None or not was_here or known.is_missing:
            arrived[photo_id] = (file.path, was_here)
    return arrived


def _note_arrivals(
    session: Session, arrived: Mapping[int, tuple[str, bool]], now: datetime
) -> None:
    """Add `moved`, `copied` or `returned` to the history of photos that were known before."""
    elsewhere = find_present(session, arrived)
    lifecycle.retry_returned(session, sorted(arrived.keys() - elsewhere), now=now)
    for photo_id, (path, was_here) in arrived.items():
        came = EventKind.COPIED if photo_id in elsewhere else EventKind.MOVED
        kind = EventKind.RETURNED if was_here else came
        history.add_events(session, [photo_id], kind, now=now, details={photo_id: {"to": path}})


def _upsert_files(
    session: Session, root_id: int, files: Sequence[SeenFile], photo_ids: Mapping[bytes, int]
) -> None:
    rows = [
        {"root_id": root_id, "path": file.path, "missing_since": None, "failure": file.failure}
        | {"size_bytes": file.stat.size_bytes, "mtime_ns": file.stat.mtime_ns}
        | {"ctime_ns": file.stat.ctime_ns}
        | {"photo_id": photo_ids[file.sha256] if file.sha256 is not None else None}
        for file in sorted(files, key=lambda file: file.path)
    ]
    statement = sql.insert(session, PhotoFile)
    changing = ("size_bytes", "mtime_ns", "ctime_ns", "photo_id", "failure", "missing_since")
    upsert = statement.on_conflict_do_update(
        index_elements=[PhotoFile.root_id, PhotoFile.path],
        set_={name: statement.excluded[name] for name in changing},
    )
    if rows:
        session.execute(upsert, rows)


def _still_pending(session: Session, photo_ids: Iterable[int]) -> list[int]:
    pending: list[int] = []
    for chunk in sql.chunks(photo_ids):
        query = select(Photo.id).where(Photo.id.in_(chunk), Photo.state == PhotoState.PENDING)
        pending.extend(session.scalars(query))
    return pending


def _mark_missing(
    session: Session, root_id: int, condition: ColumnElement[bool], now: datetime
) -> int:
    gone = session.scalars(
        update(PhotoFile)
        .where(PhotoFile.root_id == root_id, PhotoFile.missing_since.is_(None), condition)
        .values(missing_since=now)
        .returning(PhotoFile.photo_id)
    ).all()
    photo_ids = {photo_id for photo_id in gone if photo_id is not None}
    lock(session, photo_ids)
    lost = photo_ids - find_present(session, photo_ids)
    note_missing(session, lost, now)
    history.add_events(session, sorted(lost), EventKind.MISSING, now=now)
    return len(gone)


def lock(session: Session, photo_ids: Iterable[int]) -> None:
    """Lock photos before their files change; SQLite has only one writer anyway.

    Of two transactions that change files of one photo at the same time, neither would see the
    other's rows, and both could get `missing_since` wrong.
    """
    for chunk in sql.chunks(sorted(photo_ids)):
        locked = select(Photo.id).where(Photo.id.in_(chunk)).order_by(Photo.id)
        session.execute(locked.with_for_update())


def note_present(session: Session, photo_ids: Iterable[int]) -> None:
    """Mark photos as not missing."""
    for chunk in sql.chunks(photo_ids):
        session.execute(
            update(Photo)
            .where(Photo.id.in_(chunk), Photo.missing_since.is_not(None))
            .values(missing_since=None)
            .execution_options(synchronize_session=False)
        )


def note_missing(session: Session, photo_ids: Iterable[int], now: datetime) -> None:
    """Mark those of the photos as missing that have no file left."""
    lies = exists().where(PhotoFile.photo_id == Photo.id, PhotoFile.missing_since.is_(None))
    for chunk in sql.chunks(sorted(photo_ids)):
        session.execute(
            update(Photo)
            .where(Photo.id.in_(chunk), Photo.missing_since.is_(None), ~lies)
            .values(missing_since=now)
            .execution_options(synchronize_session=False)
        )


def find_present(session: Session, photo_ids: Iterable[int]) -> set[int]:
    """Return which of the photos have at least one file that is not missing."""
    present: set[int] = set()
    for chunk in sql.chunks(photo_ids):
        query = select(PhotoFile.photo_id).where(
            PhotoFile.photo_id.in_(chunk), PhotoFile.missing_since.is_(None)
        )
        present.update(photo_id for photo_id in session.scalars(query) if photo_id is not None)
    return present


def are_few_gone(session: Session) -> bool:
    """Return whether at most `FEW_GONE` photos are missing: a hint for planning, never a result."""
    some = select(Photo.id).where(Photo.missing_since.is_not(None)).limit(FEW_GONE + 1)
    gone = session.scalar(select(func.count()).select_from(some.subquery())) or 0
    return gone <= FEW_GONE


@dataclass(frozen=True, slots=True)
class Pruned:
    """What `prune` removed."""

    files: int
    photos: int


def count_prunable(session: Session, missing_before: datetime) -> Pruned:
    """Return what `prune` would remove."""
    files = count_files(session, PhotoFile.missing_since < missing_before)
    stays = _lies_somewhere(missing_before)
    photos = session.scalar(select(func.count(Photo.id)).where(~stays)) or 0
    return Pruned(files, photos)


def prune(session: Session, missing_before: datetime) -> Pruned:
    """Delete files missing since before a time, and photos without other files.

    The tags of these photos and the decisions about them are deleted too.
    """
    counted = count_prunable(session, missing_before)
    gone = select(Photo.id).where(~_lies_somewhere(missing_before))
    photo_ids = list(session.scalars(gone))
    session.execute(delete(PhotoFile).where(PhotoFile.missing_since < missing_before))
    for chunk in sql.chunks(photo_ids):
        session.execute(delete(Photo).where(Photo.id.in_(chunk)))
    return counted


def _lies_somewhere(missing_before: datetime) -> ColumnElement[bool]:
    return exists().where(
        PhotoFile.photo_id == Photo.id,
        or_(PhotoFile.missing_since.is_(None), PhotoFile.missing_since >= missing_before),
    )


def count_files(session: Session, condition: ColumnElement[bool]) -> int:
    """Return the number of files that meet a condition."""
    return session.scalar(select(func.count(PhotoFile.id)).where(condition)) or 0
