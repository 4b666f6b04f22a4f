"""Walks a root and compares it with the catalogue: which files are new, changed, or gone.

This finds everything without an event: changes while nobody watched, events that an overflowing
queue dropped, and network file systems, which send none. The watcher and `kadr tag` call it.
"""

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path, PurePosixPath

import structlog

from catalog import paths
from catalog.db import sql
from catalog.db.database import Database
from catalog.db.tables import Root
from catalog.paths import FileStat
from catalog.photos import files, roots, sidecars
from catalog.tags import metadata
from worker.errors import RootError
from worker.metadata import sidecar_names
from worker.watch import walking
from worker.watch.exclusions import Exclusions, Rules
from worker.watch.walking import Listed, Seen

_log = structlog.get_logger()

#: How many files are read and registered at once.
_FILES_AT_ONCE = 256
#: How many files are compared at once with what is known of them.
_COMPARED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A photo or a sidecar on disk, with its size and times when it was found."""

    #: Absolute.
    path: Path
    stat: FileStat
    #: Later of mtime and ctime, seconds since the epoch: copying tools set only the former.
    changed_at: float


def check_root(path: Path) -> Path:
    """Return a folder's absolute path.

    Raises:
        RootError: It does not exist, is not a folder, or cannot be read.
    """
    # os.path's functions raise nothing; Path's follow links, or raise for users that are not there
    absolute = Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111
    shown = paths.printable(paths.to_text(absolute))
    try:
        is_folder = stat.S_ISDIR(absolute.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a NUL in it
        raise RootError(f"{shown}: no such folder; check the name, or mount it first") from error
    except OSError as error:
        fact = (error.strerror or str(error)).lower()
        raise RootError(f"{shown}: {fact}; check its name and your access to it") from error
    if not is_folder:
        raise RootError(f"{shown}: not a folder; give the folder that it is in")
    if not os.access(absolute, os.R_OK | os.X_OK):
        raise RootError(f"{shown}: permission denied; give yourself read access to the folder")
    return absolute


def identify(folder: Path) -> tuple[int, int] | None:
    """Return the identity (device, inode) of a folder, which a folder put in its place lacks.

    None if there is no folder.
    """
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def stat_file(path: Path) -> FoundFile | None:
    """Return a file's size and times; None if it is gone or is not a regular file."""
    try:
        found = path.stat()
    except OSError:  # gone meanwhile, a dangling link, a link to itself
        return None
    return _found(path, found) if stat.S_ISREG(found.st_mode) else None


def _found(path: Path, found: os.stat_result) -> FoundFile:
    return FoundFile(path, _size_and_times(found), max(found.st_mtime, found.st_ctime))


def _size_and_times(found: os.stat_result) -> FileStat:
    return FileStat(found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def is_gone(path: Path) -> bool:
    """Return whether a file no longer exists; one that cannot be accessed still does."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def walk(
    folder: Path, exclusions: Exclusions | None = None, seen: Seen | None = None
) -> Iterator[FoundFile]:
    """Yield every wanted file below a folder in a fixed order; follow links, each folder once.

    Args:
        folder: Where to begin; it is walked whatever its name is.
        exclusions: What is left out; only what is by name if None.
        seen: Filled with what else was met.
    """
    listed = walking.walk_folders(folder, exclusions or Rules().of(folder), seen or Seen())
    for _, photos, beside in listed:
        in_order = sorted([*photos, *beside], key=attrgetter("name"))
        for _, entry, found in walking.stat_all("", in_order):
            yield _found(Path(entry.path), found)


def find_changes(
    database: Database,
    root: Root,
    folder: Path | None = None,
    *,
    rules: Rules | None = None,
    met: Seen | None = None,
) -> Iterator[list[FoundFile]]:
    """Walk a root, or a folder below it; yield new and changed files, then mark missing ones.

    Files are yielded in lists of up to `_FILES_AT_ONCE`, which are empty where all are known.
    Files that are left out now are missing. Nothing is marked as missing if the folder does not
    exist, disappears meanwhile, or is empty although photos are known in it (a disk that is not
    mounted).

    Args:
        database: The catalogue.
        root: Where the photos lie.
        folder: Only below this folder.
        rules: What is left out beside what is by name and by ignore files.
        met: Filled with what else was met.
    """
    top = paths.from_text(root.path)
    where, met = folder or top, met or Seen()
    exclusions = (rules or Rules()).of(top)
    identity = identify(where)
    seen: set[str] = set()
    known = 0
    found_files = () if _is_left_out(where, exclusions) else _list(top, where, exclusions, met)
    for batch in found_files:
        seen.update(batch.paths())
        changed, of_these = _find_changed(database, root, batch)
        known += of_these
        yield from sql.chunks(changed, _FILES_AT_ONCE) if changed else [changed]
    if exclusions.rules.sidecar_dir is not None:
        yield from _find_apart(database, root, where, exclusions.rules.sidecar_dir)
    if not seen and _is_unreachable(where):
        if any(find_gone(database, root, relative(where, top))):
            _warn_unreachable(where)
        return
    _record_unreadable(database, root, relative(where, top), met)
    is_all_there = known == _count_present(database, root, relative(where, top))
    lost = [] if is_all_there else find_gone(database, root, relative(where, top), seen, exclusions)
    for gone in lost:
        if identify(where) != identity:  # it went away during the walk, and all of it seems gone
            _warn_unreachable(where)
            return
        mark_missing(database, root, gone)
    if where == top:
        _note_left_out(database, root, met)


@dataclass(frozen=True, slots=True)
class Difference:
    """How a root differs from what the catalogue knows of it."""

    #: Photos and sidecars that are new or changed.
    changed: int
    #: Those that are known and gone, or left out now.
    gone: int
    #: Nothing can be said: the folder is not there, or empty as where a disk is not mounted.
    is_away: bool = False


def compare(database: Database, root: Root, rules: Rules) -> Difference:
    """Return what `find_changes` would find in a root, and change nothing."""
    top = paths.from_text(root.path)
    exclusions = rules.of(top)
    seen: set[str] = set()
    changed = 0
    for batch in _list(top, top, exclusions, Seen()):
        seen.update(batch.paths())
        changed += len(_find_changed(database, root, batch)[0])
    if not seen and _is_unreachable(top):
        return Difference(0, 0, is_away=True)
    gone = sum(len(each) for each in find_gone(database, root, ".", seen, exclusions))
    return Difference(changed, gone)


@dataclass(slots=True)
class _Batch:
    photos: list[Listed] = field(default_factory=list)
    beside: list[Listed] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [path for path, _, _ in [*self.photos, *self.beside]]

    @property
    def is_full(self) -> bool:
        return len(self.photos) + len(self.beside) >= _COMPARED_AT_ONCE


def _list(top: Path, where: Path, without: Exclusions, met: Seen) -> Iterator[_Batch]:
    batch = _Batch()
    for folder, photos, beside in walking.walk_folders(where, without, met):
        prefix = "" if folder == top else relative(folder, top) + "/"
        for chunk in sql.chunks(photos, _COMPARED_AT_ONCE):
            batch.photos += walking.stat_all(prefix, chunk)
            if batch.is_full:
                yield batch
                batch = _Batch()
        for chunk in sql.chunks(beside, _COMPARED_AT_ONCE):
            batch.beside += walking.stat_all(prefix, chunk)
            if batch.is_full:
                yield batch
                batch = _Batch()
    yield batch


def _find_changed(database: Database, root: Root, batch: _Batch) -> tuple[list[FoundFile], int]:
    """Return the files that are new or changed, and how many of all are known.

    What is known and unchanged gets no `Path`: that takes longer than all else.
    """
    changed: list[FoundFile] = []
    number = 0
    for listed, find in (
        (batch.photos, files.find_stats),
        (batch.beside, sidecars.find_stats),
    ):
        if not listed:
            continue
        with database.read() as session:
            known = find(session, root.id, [path for path, _, _ in listed])
        number += sum(path in known for path, _, _ in listed)
        changed += [
            _found(Path(entry.path), found)
            for path, entry, found in listed
            if (stat := known.get(path)) != (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            and _differs(_size_and_times(found), stat)
        ]
    return changed, number


def _count_present(database: Database, root: Root, folder: str) -> int:
    """Return how many files and sidecars below a folder are known and not missing."""
    with database.read() as session:
        photos = files.count_present(session, root.id, folder)
        return photos + sidecars.count_present(session, root.id, folder)


def _find_apart(
    database: Database, root: Root, where: Path, folder: Path
) -> Iterator[list[FoundFile]]:
    """Yield new and changed sidecars of a folder's photos that lie in a folder of their own.

    Then mark those that are gone, unless that folder is not mounted.
    """
    if _is_unreachable(folder):
        return
    top = Path(sidecar_names.mirrored(folder, where))
    seen: set[str] = set()
    if os.path.isdir(top):  # noqa: PTH112  Path.is_dir raises without permission
        found = (file for file in walk(top) if sidecar_names.is_sidecar(file.path.name))
        for batch in sql.chunks(found, _FILES_AT_ONCE):
            stored = {paths.to_text(file.path): file for file in batch}
            seen.update(stored)
            with database.read() as session:
                known = sidecars.find_stats(session, root.id, list(stored))
            yield [f for path, f in stored.items() if _differs(f.stat, known.get(path))]
    with database.read() as session:
        before = sidecars.find_apart_paths(session, root.id, paths.to_text(top))
    gone = [path for path in before if path not in seen and is_gone(paths.from_text(path))]
    if gone:
        mark_missing(database, root, gone)


def _is_left_out(folder: Path, exclusions: Exclusions) -> bool:
    """Return whether a folder that a person named lies where photos are left out; warn if so."""
    if folder == exclusions.top or not (reason := exclusions.reason_of(folder, is_folder=True)):
        return False
    shown = paths.printable(paths.to_text(folder))
    _log.warning("folder_left_out", folder=shown, reason=reason.value)
    return True


def _note_left_out(database: Database, root: Root, met: Seen) -> None:
    """Remember what a walk of a whole root left out, for `kadr doctor`."""
    noted = {
        reason.value: [count, paths.to_text(first)]
        for reason, (count, first) in sorted(met.left_out.items())
    }
    with database.read() as session:
        is_known = roots.find_left_out(session, root.id) == noted
    if not is_known:
        with database.write() as session:
            roots.note_left_out(session, root.id, noted)


def _record_unreadable(database: Database, root: Root, folder: str, met: Seen) -> None:
    """Record folders that cannot be read, as failed files whose path ends in a slash; or can again.

    `kadr tag`, `status` and `failures` name them like files that cannot be read.
    """
    top = paths.from_text(root.path)
    locked = {path for path in met.unreadable if path != top and not is_gone(path)}
    closed = {relative(path, top) + "/" for path in locked}
    below = "" if folder == "." else folder + "/"
    with database.read() as session:
        unread = files.find_unreadable(session, root.id)
    known = {path for path in unread if path.endswith("/") and path.startswith(below)}
    found = [
        files.SeenFile(path, FileStat(0, 0), None, failure=_why_closed(path))
        for path in sorted(closed - known)
    ]
    if found or known - closed:
        with database.write() as session:
            files.register_files(session, root.id, found, now=datetime.now(UTC))
            files.mark_missing(session, root.id, known - closed, now=datetime.now(UTC))


def _why_closed(folder: str) -> str:
    shown = paths.printable(folder)
    return f"{shown}: the folder cannot be read, nor any photo in it; allow Kadr's user to read it"


def mark_missing(database: Database, root: Root, gone: Iterable[str]) -> None:
    """Mark photos and sidecars as missing; the words of a sidecar go from its photo."""
    now = datetime.now(UTC)
    lost = list(gone)
    beside = [path for path in lost if walking.is_sidecar(PurePosixPath(path).name)]
    with database.write() as session:
        files.mark_missing(session, root.id, lost, now=now)
        photo_ids = sidecars.mark_missing(session, root.id, beside, now=now)
        metadata.apply(session, photo_ids, now=now)


def relative(path: Path, top: Path) -> str:
    """Return a file's path below its root as the catalogue stores it."""
    return paths.to_text(path.relative_to(top))


def _differs(found: FileStat, known: paths.SizeAndTimes | None) -> bool:
    if known is not None and known[2] is None:  # of an old catalogue: see `ingest.Backlog`
        return known[:2] != found[:2]
    return known != found


def _is_unreachable(top: Path) -> bool:
    try:
        with os.scandir(top) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def _warn_unreachable(folder: Path) -> None:
    _log.warning("root_unreachable", folder=paths.printable(paths.to_text(folder)))


def find_gone(
    database: Database,
    root: Root,
    folder: str,
    seen: Collection[str] = (),
    exclusions: Exclusions | None = None,
) -> Iterator[list[str]]:
    """Yield known files below a relative folder that no longer exist, or are left out, in lists."""
    with database.read() as session:
        known = files.find_present_paths(session, root.id, folder)
        known += sidecars.find_present_paths(session, root.id, folder)
    unseen = [path for path in known if path not in seen]
    top = paths.from_text(root.path)
    for chunk in sql.chunks(unseen, _FILES_AT_ONCE):
        absolute = {path: top / paths.from_text(path) for path in chunk}
        yield [
            path
            for path, file in absolute.items()
            if is_gone(file) or (exclusions is not None and exclusions.reason_of(file))
        ]
