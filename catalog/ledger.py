"""Which photos there are and where they lie: the write side that `worker.ingest` and scans call.

The content's sha256 is the photo; a path is a place where it lies. The caller owns the transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, literal, select, update
from sqlalchemy.orm import Session

from catalog import paths, presence, sql
from catalog.models import Photo, PhotoEvent, PhotoFile, PhotoState, Root

#: A registered photo is rung for at once; if that ring is lost, the sweep rings after this.
RING_GRACE_S = 30.0


@dataclass(frozen=True, slots=True)
class FileStat:
    """What tells whether a file changed without reading it."""

    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as found on disk."""

    #: Relative to its root, in the form of `catalog.paths`.
    path: str
    stat: FileStat
    #: sha256 of its bytes; None where it could not be read.
    sha256: bytes | None
    #: Why it could not be read.
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the catalogue has it."""

    stat: FileStat
    photo_id: int | None
    is_missing: bool


def register_root(session: Session, path: Path, *, polled: bool = False) -> Root:
    """Return the root that an absolute path belongs to, made known if there is none.

    A folder below a known root is that root's. A new root takes in the known ones below it: their
    files become its files, so that no file is in the catalogue twice.
    """
    text = paths.to_text(path)
    roots = list(session.scalars(select(Root)))
    found = next((root for root in roots if _is_at_or_below(text, root.path)), None)
    if found is None:
        found = Root(name=_free_name(session, paths.to_text(path.name) or "root"), path=text)
        session.add(found)
        session.flush()
        for inner in roots:
            if _is_at_or_below(inner.path, text):
                _take_in(session, found, inner)
    found.polled = polled or bool(found.polled)
    session.flush()
    return found


def find_known(session: Session, root_id: int, files: Iterable[str]) -> dict[str, KnownFile]:
    """Return what is known of these relative paths."""
    columns = (
        PhotoFile.path,
        PhotoFile.size_bytes,
        PhotoFile.mtime_ns,
        PhotoFile.photo_id,
        PhotoFile.missing_since,
    )
    known: dict[str, KnownFile] = {}
    for chunk in sql.chunks(files):
        query = select(*columns).where(PhotoFile.root_id == root_id, PhotoFile.path.in_(chunk))
        for path, size, mtime_ns, photo_id, missing in session.execute(query):
            known[path] = KnownFile(FileStat(size, mtime_ns), photo_id, missing is not None)
    return known


def register_files(
    session: Session, root_id: int, files: Sequence[SeenFile], *, now: datetime
) -> list[int]:
    """Write down files found on disk; returns the photos to ring for, in the order of `files`.

    A new content becomes a pending photo. A known content gets one more place where it lies.
    """
    photo_ids, new_ids = _upsert_photos(session, files, now)
    before = find_known(session, root_id, [file.path for file in files])
    replaced = {known.photo_id for known in before.values() if known.photo_id is not None}
    presence.lock(session, replaced.union(photo_ids.values()))
    arrived = _find_arrivals(files, before, photo_ids)
    known_before = {photo_id: arrived[photo_id] for photo_id in arrived.keys() - new_ids}
    _note_arrivals(session, known_before, now)
    _upsert_files(session, root_id, files, photo_ids)
    presence.note_present(session, photo_ids.values())
    presence.note_missing(session, replaced.difference(photo_ids.values()), now)
    ids = dict.fromkeys(photo_ids[file.sha256] for file in files if file.sha256 is not None)
    pending = set(_still_pending(session, ids))
    return [photo_id for photo_id in ids if photo_id in pending]


def mark_missing(session: Session, root_id: int, files: Iterable[str], *, now: datetime) -> int:
    """Note that files are gone; photos and their tags stay until `kadr prune`. Returns how many."""
    marked = 0
    for chunk in sql.chunks(files):
        marked += _mark_missing(session, root_id, PhotoFile.path.in_(chunk), now)
    return marked


def mark_folder_missing(session: Session, root_id: int, folder: str, *, now: datetime) -> int:
    """Note that everything below a relative folder is gone; returns how many files."""
    return _mark_missing(session, root_id, sql.is_below(PhotoFile.path, folder), now)


def add_events(
    session: Session,
    photo_ids: Iterable[int],
    kind: str,
    *,
    now: datetime,
    details: Mapping[int, dict[str, Any]] | None = None,
    change_id: str | None = None,
) -> None:
    """Write one line into each photo's history; `change_id` is the decision that it belongs to."""
    rows = [
        {"photo_id": photo_id, "at": now, "kind": kind, "detail": (details or {}).get(photo_id)}
        | {"change_id": change_id}
        for photo_id in photo_ids
    ]
    if rows:
        session.execute(sql.insert(session, PhotoEvent), rows)


def _is_at_or_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _take_in(session: Session, outer: Root, inner: Root) -> None:
    prefix = inner.path.removeprefix(outer.path).strip("/") + "/"
    session.execute(
        update(PhotoFile)
        .where(PhotoFile.root_id == inner.id)
        .values(root_id=outer.id, path=literal(prefix) + PhotoFile.path)
        .execution_options(synchronize_session=False)
    )
    session.delete(inner)


def _free_name(session: Session, wanted: str) -> str:
    taken = set(session.scalars(select(Root.name)))
    candidates = (wanted if n == 1 else f"{wanted}-{n}" for n in range(1, len(taken) + 2))
    return next(name for name in candidates if name not in taken)


def _upsert_photos(
    session: Session, files: Sequence[SeenFile], now: datetime
) -> tuple[dict[bytes, int], set[int]]:
    sizes = {file.sha256: file.stat.size_bytes for file in files if file.sha256 is not None}
    known = _photo_ids(session, sizes)
    new = sorted(sizes.keys() - known.keys())  # sorted: two writers cannot deadlock
    due_at = now + timedelta(seconds=RING_GRACE_S)
    rows = [
        {"sha256": digest, "size_bytes": sizes[digest], "added_at": now, "due_at": due_at}
        for digest in new
    ]
    sql.insert_new(session, Photo, rows)
    ids = _photo_ids(session, sizes) if new else known
    new_ids = {ids[digest] for digest in new}
    add_events(session, sorted(new_ids), "added", now=now)
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
    """Return photos that appeared at a path, and whether they had been there before."""
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
    """Write `moved`, `copied` or `returned` into the history of photos that were known before."""
    elsewhere = presence.find_present(session, arrived)
    _try_again(session, sorted(arrived.keys() - elsewhere), now)
    for photo_id, (path, was_here) in arrived.items():
        came = "copied" if photo_id in elsewhere else "moved"
        kind = "returned" if was_here else came
        add_events(session, [photo_id], kind, now=now, details={photo_id: {"to": path}})


def _try_again(session: Session, photo_ids: Sequence[int], now: datetime) -> None:
    """Give photos that were put aside another chance, now that their files are back."""
    for chunk in sql.chunks(photo_ids):
        session.execute(
            update(Photo)
            .where(Photo.id.in_(chunk), Photo.state == PhotoState.QUARANTINED)
            .values(state=PhotoState.PENDING, attempts=0, due_at=now, failure=None)
            .execution_options(synchronize_session=False)
        )


def _upsert_files(
    session: Session, root_id: int, files: Sequence[SeenFile], photo_ids: Mapping[bytes, int]
) -> None:
    rows = [
        {"root_id": root_id, "path": file.path, "missing_since": None, "failure": file.failure}
        | {"size_bytes": file.stat.size_bytes, "mtime_ns": file.stat.mtime_ns}
        | {"photo_id": photo_ids[file.sha256] if file.sha256 is not None else None}
        for file in sorted(files, key=lambda file: file.path)
    ]
    statement = sql.insert(session, PhotoFile)
    changing = ("size_bytes", "mtime_ns", "photo_id", "failure", "missing_since")
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
    presence.lock(session, photo_ids)
    lost = photo_ids - presence.find_present(session, photo_ids)
    presence.note_missing(session, lost, now)
    add_events(session, sorted(lost), "missing", now=now)
    return len(gone)
