"""Walks a root and compares it with the catalogue: which files are new, changed, or gone.

This finds everything without an event: changes while nobody watched, events that an overflowing
queue dropped, and network file systems, which send none. The watcher and `kadr tag` call it.
"""

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from catalog import paths
from catalog.db import sql
from catalog.db.database import Database
from catalog.db.tables import Root
from catalog.paths import FileStat
from catalog.photos import files, sidecars
from catalog.tags import metadata
from worker import extensions
from worker.errors import RootError
from worker.metadata import sidecar_names, takeout

_log = structlog.get_logger()

#: Folders without photos of a person's own: thumbnails of NAS systems, recycle bins.
_SKIPPED_FOLDERS = frozenset({"@eadir", "$recycle.bin", "lost+found", "system volume information"})
#: Endings of files that a program is still writing.
_TEMPORARY_ENDINGS = (".part", ".partial", ".crdownload", ".download", ".tmp", ".temp", "~")
_FILES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A photo or a sidecar on disk, with its size and times when it was found."""

    #: Absolute.
    path: Path
    stat: FileStat
    #: Later of mtime and ctime, seconds since the epoch: copying tools set only the former.
    changed_at: float


def is_wanted(path: Path) -> bool:
    """Return whether a file below a root is, by its name, a photo or a sidecar to register."""
    name = path.name.lower()
    hidden = name.startswith((".", "~")) or name.endswith(_TEMPORARY_ENDINGS)
    return not hidden and (extensions.is_photo(path) or is_sidecar(path))


def is_sidecar(path: Path) -> bool:
    """Return whether a file is, by its name, XMP or Google Takeout's JSON beside a photo."""
    return sidecar_names.is_sidecar(path.name) or takeout.is_takeout(path.name)


def is_skipped_folder(name: str) -> bool:
    """Return whether a folder, by its name, is skipped with everything below it."""
    return name.startswith(".") or name.lower() in _SKIPPED_FOLDERS


def is_below_skipped(path: Path, root: Path) -> bool:
    """Return whether any folder between `root` and `path` is skipped."""
    return any(is_skipped_folder(part) for part in path.relative_to(root).parts[:-1])


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
    if not stat.S_ISREG(found.st_mode):
        return None
    changed_at = max(found.st_mtime, found.st_ctime)
    size_and_times = FileStat(found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return FoundFile(path, size_and_times, changed_at)


def is_gone(path: Path) -> bool:
    """Return whether a file no longer exists; one that cannot be accessed still does."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def walk(folder: Path) -> Iterator[FoundFile]:
    """Yield every wanted file below a folder in a fixed order; follow links, each folder once."""
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            identity = current.stat()
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            shown = paths.printable(paths.to_text(current))
            _log.warning("folder_unreadable", folder=shown, reason=error.strerror)
            continue
        if (identity.st_dev, identity.st_ino) in seen:  # a link back up, or a second link to it
            continue
        seen.add((identity.st_dev, identity.st_ino))
        waiting.extend(reversed(_subfolders(entries)))
        for entry in entries:
            path = Path(entry.path)
            if is_wanted(path) and (found := stat_file(path)) is not None:
                yield found


def find_changes(
    database: Database, root: Root, folder: Path | None = None
) -> Iterator[list[FoundFile]]:
    """Walk a root, or a folder below it; yield new and changed files, then mark missing ones.

    Files are yielded in lists of up to `_FILES_AT_ONCE`, which are empty where all are known.
    Nothing is marked as missing if the folder does not exist, disappears meanwhile, or is empty
    although photos are known in it (a disk that is not mounted).
    """
    top = paths.from_text(root.path)
    where = folder or top
    identity = identify(where)
    seen: set[str] = set()
    for batch in sql.chunks(walk(where), _FILES_AT_ONCE):
        by_path = {relative(found.path, top): found for found in batch}
        seen.update(by_path)
        with database.read() as session:
            known = files.find_known(session, root.id, by_path)
            beside = {path for path, found in by_path.items() if is_sidecar(found.path)}
            read = sidecars.find_stats(session, root.id, beside)
        yield [
            found
            for path, found in by_path.items()
            if (
                read.get(path) != found.stat if path in beside else _differs(found, known.get(path))
            )
        ]
    if not seen and _is_unreachable(where):
        if any(find_gone(database, root, relative(where, top))):
            _warn_unreachable(where)
        return
    for gone in find_gone(database, root, relative(where, top), seen):
        if identify(where) != identity:  # it went away during the walk, and all of it seems gone
            _warn_unreachable(where)
            return
        mark_missing(database, root, gone)


def mark_missing(database: Database, root: Root, gone: Iterable[str]) -> None:
    """Mark photos and sidecars as missing; the words of a sidecar go from its photo."""
    now = datetime.now(UTC)
    lost = list(gone)
    beside = [path for path in lost if is_sidecar(paths.from_text(path))]
    with database.write() as session:
        files.mark_missing(session, root.id, lost, now=now)
        photo_ids = sidecars.mark_missing(session, root.id, beside, now=now)
        metadata.apply(session, photo_ids, now=now)


def relative(path: Path, top: Path) -> str:
    """Return a file's path below its root as the catalogue stores it."""
    return paths.to_text(path.relative_to(top))


def _subfolders(entries: list[os.DirEntry[str]]) -> list[Path]:
    folders = []
    for entry in entries:
        try:
            if entry.is_dir() and not is_skipped_folder(entry.name):
                folders.append(Path(entry.path))
        except OSError:  # a link to itself
            continue
    return folders


def _differs(found: FoundFile, known: files.KnownFile | None) -> bool:
    if known is None or known.is_missing or known.photo_id is None:
        return True
    if known.stat.ctime_ns is None:  # of an old catalogue: `ingest.fill_digests` comes to it
        return not known.stat.has_content_of(found.stat)
    return known.stat != found.stat


def _is_unreachable(top: Path) -> bool:
    try:
        with os.scandir(top) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def _warn_unreachable(folder: Path) -> None:
    _log.warning("root_unreachable", folder=paths.printable(paths.to_text(folder)))


def find_gone(
    database: Database, root: Root, folder: str, seen: Collection[str] = ()
) -> Iterator[list[str]]:
    """Yield known files below a relative folder that no longer exist, in lists."""
    with database.read() as session:
        known = files.find_present_paths(session, root.id, folder)
        known += sidecars.find_present_paths(session, root.id, folder)
    unseen = [path for path in known if path not in seen]
    top = paths.from_text(root.path)
    for chunk in sql.chunks(unseen, _FILES_AT_ONCE):
        yield [path for path in chunk if is_gone(top / paths.from_text(path))]
