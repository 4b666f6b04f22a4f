"""Owns the rows of photos and files; `worker.watch` calls it with what it finds on disk.

A photo is its picture (`catalog.photos.identity`); a file is a path at which it was seen.
Whether any file of a photo still exists is cached in `Photo.missing_since` for searches. The caller
owns the transaction.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from catalog import paths
from catalog.db import bulk, generation, sql
from catalog.db.tables import Photo, PhotoFile, PhotoState, PhotoTag, Sidecar
from catalog.paths import FileStat
from catalog.photos import heirs, history, identity, lifecycle
from catalog.photos.history import EventKind

#: A file that was gone for at most so long was saved anew: some programs delete it first.
REPLACED_WITHIN_S = 60.0

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
    #: Since when it is gone; None while it is there.
    missing_since: datetime | None

    @property
    def is_missing(self) -> bool:
        """Return whether it is gone."""
        return self.missing_since is not None


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
        is_named = sql.member_of_texts(PhotoFile.path, chunk, session.get_bind().dialect.name)
        query = select(*columns).where(PhotoFile.root_id == root_id, is_named)
        for path, size, mtime_ns, ctime_ns, photo_id, missing in session.execute(query):
            stat = FileStat(size, mtime_ns, ctime_ns)
            known[path] = KnownFile(stat, photo_id, missing)
    return known


def find_stats(
    session: Session, root_id: int, files: Sequence[str]
) -> dict[str, paths.SizeAndTimes]:
    """Return size and times of those among relative paths that were read and are not missing."""
    columns = (PhotoFile.path, PhotoFile.size_bytes, PhotoFile.mtime_ns, PhotoFile.ctime_ns)
    query = select(*columns).where(
        PhotoFile.root_id == root_id,
        PhotoFile.photo_id.is_not(None),
        PhotoFile.missing_since.is_(None),
    )
    rows = sql.read_by_texts(session, query, PhotoFile.path, files)
    return {row[0]: row[1:] for row in rows}


def count_present(session: Session, root_id: int, folder: str = ".") -> int:
    """Return how many paths `find_present_paths` would."""
    query = select(func.count()).where(_is_present(root_id, folder))
    return session.scalar(query) or 0


def find_unreadable(session: Session, root_id: int) -> list[str]:
    """Return the paths of files below a root that are there and could not be read."""
    query = select(PhotoFile.path).where(
        PhotoFile.root_id == root_id,
        PhotoFile.photo_id.is_(None),
        PhotoFile.missing_since.is_(None),
    )
    return list(session.scalars(query))


def find_undigested(session: Session, root_id: int, *, after: str, limit: int) -> list[str]:
    """Return paths of files that no Kadr has seen since pictures have digests, after a path."""
    query = select(PhotoFile.path).where(
        PhotoFile.root_id == root_id,
        PhotoFile.ctime_ns.is_(None),
        PhotoFile.photo_id.is_not(None),
        PhotoFile.missing_since.is_(None),
        PhotoFile.path > after,
    )
    return list(session.scalars(query.order_by(PhotoFile.path).limit(limit)))


def find_present_paths(session: Session, root_id: int, folder: str = ".") -> list[str]:
    """Return the paths of known files below a relative folder that are not missing."""
    return list(session.scalars(select(PhotoFile.path).where(_is_present(root_id, folder))))


def _is_present(root_id: int, folder: str) -> ColumnElement[bool]:
    is_present = and_(PhotoFile.root_id == root_id, PhotoFile.missing_since.is_(None))
    return is_present if folder == "." else is_present & sql.is_below(PhotoFile.path, folder)


@dataclass(frozen=True, slots=True)
class Registered:
    """What is to be done with files that were registered."""

    #: Photos that wait for a worker, in the order of the files.
    pending: tuple[int, ...]
    #: Known photos whose files say something else now: their metadata is to be read, no more.
    metadata_due: tuple[int, ...]
    #: All photos of the files.
    photo_ids: tuple[int, ...]


def register_files(
    session: Session, root_id: int, files: Sequence[SeenFile], *, now: datetime
) -> Registered:
    """Register files found on disk.

    New content becomes a pending photo; known content gets another file; a known picture with other
    metadata stays the photo that it is (`catalog.photos.identity`). A picture that takes the place
    of another one inherits a person's decisions about it. The caller sends messages for the pending
    photos after the commit.
    """
    paths = [file.path for file in files]
    lock(session, _may_be_meant(session, files, find_known(session, root_id, paths)))
    before = find_known(session, root_id, paths)  # as it is now that nobody else can change it
    resolved = identity.resolve(session, root_id, files, before, now)
    photo_ids = resolved.photo_ids
    replaced = {known.photo_id for known in before.values() if known.photo_id is not None}
    heirs_of = _find_heirs(session, files, before, resolved, now)
    arrived = _find_arrivals(files, before, photo_ids)
    known_before = {photo_id: arrived[photo_id] for photo_id in arrived.keys() - resolved.new}
    _note_arrivals(session, known_before, now)
    is_read = {path for path, known in before.items() if known.photo_id not in resolved.rewritten}
    _upsert_files(session, root_id, files, photo_ids, {p: before[p] for p in is_read})
    note_present(session, photo_ids.values())
    lost = note_missing(session, replaced.difference(photo_ids.values()), now)
    _leave_to_twins(session, lost - _hand_on(session, heirs_of, now), now)
    ids = dict.fromkeys(photo_ids[file.sha256] for file in files if file.sha256 is not None)
    pending = set(_still_pending(session, ids))
    due = (resolved.rewritten | resolved.twins.keys()) - pending
    waiting = tuple(photo_id for photo_id in ids if photo_id in pending)
    return Registered(waiting, tuple(sorted(due)), tuple(ids))


def mark_missing(session: Session, root_id: int, files: Iterable[str], *, now: datetime) -> int:
    """Mark files as missing and return their number; photos and tags stay until `kadr prune`."""
    marked = 0
    for chunk in sql.chunks(files):
        marked += _mark_missing(session, root_id, PhotoFile.path.in_(chunk), now)
    return marked


def mark_folder_missing(session: Session, root_id: int, folder: str, *, now: datetime) -> int:
    """Mark every file below a relative folder as missing, and return their number."""
    return _mark_missing(session, root_id, sql.is_below(PhotoFile.path, folder), now)


def _may_be_meant(
    session: Session, files: Sequence[SeenFile], before: Mapping[str, KnownFile]
) -> set[int]:
    """Return every photo that registering files may change."""
    replaced = {known.photo_id for known in before.values() if known.photo_id is not None}
    known = identity.find_photo_ids(session, {f.sha256 for f in files if f.sha256 is not None})
    digests = {file.image_digest for file in files if file.image_digest is not None}
    alike = identity.find_alike(session, digests, replaced).values()
    return replaced.union(known.values(), *alike, identity.find_twins(session, replaced))


def _find_heirs(
    session: Session,
    files: Sequence[SeenFile],
    before: Mapping[str, KnownFile],
    resolved: identity.Resolved,
    now: datetime,
) -> dict[tuple[int, int], bool]:
    """Return (former, heir) of each picture that was edited in its place, or put back.

    The value is whether it was put back: a photo that was superseded lies there again, and what
    was decided about its successor is later than its own decisions. Content that is known otherwise
    was moved there and has its own.
    """
    found: dict[tuple[int, int], bool] = {}
    for file in sorted(files, key=lambda file: file.path):
        known = before.get(file.path)
        if file.sha256 is None or known is None or known.photo_id is None:
            continue
        heir, former = resolved.photo_ids[file.sha256], known.photo_id
        if heir == former or _is_gone_for_long(known, now):
            continue
        if heir in resolved.new and heir not in resolved.twins:
            found[former, heir] = False
        elif heirs.is_in_past_of(session, heir, former):
            found[former, heir] = True
    return found


def _is_gone_for_long(known: KnownFile, now: datetime) -> bool:
    """Return whether a file was deleted, rather than taken away to be written anew."""
    since = known.missing_since
    return since is not None and since < now - timedelta(seconds=REPLACED_WITHIN_S)


def _hand_on(session: Session, heirs_of: Mapping[tuple[int, int], bool], now: datetime) -> set[int]:
    """Let pictures inherit from those that lay in their place; return which are superseded."""
    present = find_present(session, {former for former, _ in heirs_of})
    superseded: set[int] = set()
    for (former, heir), is_back in heirs_of.items():
        heirs.inherit(session, former, heir, is_later=is_back, now=now)
        if former not in present and former not in superseded:
            heirs.supersede(session, former, heir, now=now)
            superseded.add(former)
    return superseded


def _leave_to_twins(session: Session, lost: Collection[int], now: datetime) -> set[int]:
    """Let photos that lie nowhere any more leave their decisions to one of the same picture."""
    twins = identity.find_present_twin(session, lost)
    for former, heir in sorted(twins.items()):
        heirs.inherit(session, former, heir, is_later=False, now=now)
        heirs.supersede(session, former, heir, now=now)
    return set(twins)


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
    session: Session,
    root_id: int,
    files: Sequence[SeenFile],
    photo_ids: Mapping[bytes, int],
    read: Mapping[str, KnownFile],
) -> None:
    """Write the rows of files; the words of those in `read` stay if they hold the same photo."""
    changing = ("size_bytes", "mtime_ns", "ctime_ns", "photo_id", "failure", "missing_since")
    rows: dict[bool, list[bulk.Row]] = {False: [], True: []}
    for file in sorted(files, key=lambda file: file.path):
        photo_id = photo_ids[file.sha256] if file.sha256 is not None else None
        is_same = file.path in read and read[file.path].photo_id == photo_id
        rows[is_same].append(
            {"root_id": root_id, "path": file.path, "photo_id": photo_id, "words": None}
            | {"size_bytes": file.stat.size_bytes, "mtime_ns": file.stat.mtime_ns}
            | {"ctime_ns": file.stat.ctime_ns, "missing_since": None, "failure": file.failure}
        )
    for is_same, values in rows.items():
        names = changing if is_same else (*changing, "words")
        bulk.upsert(session, PhotoFile, values, key=("root_id", "path"), changing=names)


def _still_pending(session: Session, photo_ids: Iterable[int]) -> list[int]:
    pending: list[int] = []
    for chunk in sql.chunks(photo_ids):
        is_one = sql.member(Photo.id, chunk, session.get_bind().dialect.name)
        is_pending = sql.unindexed(Photo.state) == PhotoState.PENDING
        query = select(Photo.id).where(is_one, is_pending)
        pending.extend(photo_id for (photo_id,) in sql.fetch(session, query))
    return pending


def _mark_missing(
    session: Session, root_id: int, condition: ColumnElement[bool], now: datetime
) -> int:
    lies = (PhotoFile.root_id == root_id, PhotoFile.missing_since.is_(None), condition)
    found = session.execute(select(PhotoFile.id, PhotoFile.photo_id).where(*lies)).all()
    photo_ids = {photo_id for _, photo_id in found if photo_id is not None}
    lock(session, photo_ids | identity.find_twins(session, photo_ids))
    gone = 0
    for chunk in sql.chunks(sorted(found)):
        stays = {photo_id for _, photo_id in chunk if photo_id is not None}
        # A file that another writer has registered since, as another photo, is there.
        of_these = or_(PhotoFile.photo_id.is_(None), PhotoFile.photo_id.in_(stays))
        marked = session.scalars(
            update(PhotoFile)
            .where(PhotoFile.id.in_([file_id for file_id, _ in chunk]), of_these)
            .where(PhotoFile.missing_since.is_(None))
            .values(missing_since=now)
            .returning(PhotoFile.id)
            .execution_options(synchronize_session=False)
        )
        gone += len(marked.all())
    lost = note_missing(session, photo_ids, now)
    history.add_events(
        session, sorted(lost - _leave_to_twins(session, lost, now)), EventKind.MISSING, now=now
    )
    return gone


def lock(session: Session, photo_ids: Iterable[int]) -> None:
    """Lock photos before their files change; SQLite has only one writer anyway.

    Of two transactions that change files of one photo at the same time, neither would see the
    other's rows, and both could get `missing_since` wrong.
    """
    for chunk in sql.chunks(sorted(photo_ids)):
        is_one = sql.member(Photo.id, chunk, session.get_bind().dialect.name)
        locked = select(Photo.id).where(is_one).order_by(Photo.id)
        session.execute(locked.with_for_update())


def note_present(session: Session, photo_ids: Iterable[int]) -> None:
    """Mark photos as neither missing nor superseded."""
    for chunk in sql.chunks(sorted(set(photo_ids))):
        session.execute(
            update(Photo)
            .where(
                sql.member(Photo.id, chunk, session.get_bind().dialect.name),
                or_(Photo.missing_since.is_not(None), Photo.superseded_by_id.is_not(None)),
            )
            .values(missing_since=None, superseded_by_id=None)
            .execution_options(synchronize_session=False)
        )


def note_missing(session: Session, photo_ids: Iterable[int], now: datetime) -> set[int]:
    """Mark those of the photos as missing that have no file left, and return them."""
    lies = exists().where(PhotoFile.photo_id == Photo.id, PhotoFile.missing_since.is_(None))
    lost: set[int] = set()
    for chunk in sql.chunks(sorted(photo_ids)):
        marked = session.scalars(
            update(Photo)
            .where(Photo.id.in_(chunk), Photo.missing_since.is_(None), ~lies)
            .values(missing_since=now)
            .returning(Photo.id)
            .execution_options(synchronize_session=False)
        )
        lost.update(marked)
    return lost


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
    """What `prune` removes, and what it leaves."""

    files: int
    photos: int
    #: Of the photos, those in whose place another picture lies, which has their decisions.
    superseded: int = 0
    #: Of the others, those that a person decided about: that is lost with them.
    decided: int = 0
    #: Photos that stay, since they lie in another place as well.
    elsewhere: int = 0
    #: Photos that stay, since they have not been missing for long enough.
    recent: int = 0


def count_prunable(session: Session, missing_before: datetime) -> Pruned:
    """Return what `prune` would remove."""

    def count(*conditions: ColumnElement[bool]) -> int:
        return session.scalar(select(func.count(Photo.id)).where(*conditions)) or 0

    is_old = Photo.missing_since < missing_before
    is_superseded = Photo.superseded_by_id.is_not(None)
    decided = exists().where(PhotoTag.photo_id == Photo.id, PhotoTag.decision.is_not(None))
    lost = exists().where(PhotoFile.photo_id == Photo.id, PhotoFile.missing_since < missing_before)
    return Pruned(
        count_files(session, PhotoFile.missing_since < missing_before),
        count(is_old),
        superseded=count(is_old, is_superseded),
        decided=count(is_old, ~is_superseded, decided),
        elsewhere=count(Photo.missing_since.is_(None), lost),
        recent=count(Photo.missing_since >= missing_before),
    )


def prune(session: Session, missing_before: datetime) -> Pruned:
    """Delete files missing since before a time, and photos without other files.

    The tags of these photos and the decisions about them are deleted too. A superseded photo's
    decisions were copied to its heir and live on there.
    """
    counted = count_prunable(session, missing_before)
    photo_ids = list(session.scalars(select(Photo.id).where(Photo.missing_since < missing_before)))
    heirs.forget(session, photo_ids)
    if session.scalar(select(func.max(Photo.id))) in photo_ids:  # SQLite gives its id again
        generation.begin(session)
    session.execute(delete(Sidecar).where(Sidecar.missing_since < missing_before))
    session.execute(delete(PhotoFile).where(PhotoFile.missing_since < missing_before))
    for chunk in sql.chunks(photo_ids):
        session.execute(delete(Photo).where(Photo.id.in_(chunk)))
    return counted


def note_thumbhashes(session: Session, hashes: Mapping[bytes, bytes]) -> None:
    """Store what photos look like while they load, by the sha256 of their content."""
    for sha256, thumbhash in sorted(hashes.items()):
        row = update(Photo).where(Photo.sha256 == sha256, Photo.thumbhash.is_(None))
        session.execute(row.values(thumbhash=thumbhash))


def count_files(session: Session, condition: ColumnElement[bool]) -> int:
    """Return the number of files that meet a condition."""
    return session.scalar(select(func.count(PhotoFile.id)).where(condition)) or 0
