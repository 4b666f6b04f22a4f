"""Walks folders: which photos and sidecars lie in them, and what is left out.

`scan` compares what it finds with the catalogue. A collection has a hundred thousand files, so
names stay text and the system is asked once for each.
"""

import enum
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

import structlog

from catalog import paths
from worker import extensions
from worker.metadata import sidecar_names, takeout
from worker.watch.exclusions import Exclusions, Reason

_log = structlog.get_logger()

#: The stored path of a file, where it lies, and what the system knows of it.
Listed = tuple[str, os.DirEntry[str], os.stat_result]
Entries = list[os.DirEntry[str]]


class _Kind(enum.Enum):
    PHOTO = enum.auto()
    SIDECAR = enum.auto()
    OTHER = enum.auto()


#: By extensions as most files have them; others are looked at by `_kind_of`.
_KINDS = {
    spelled: kind
    for kind, known in (
        (_Kind.PHOTO, extensions.PHOTOS),
        (_Kind.SIDECAR, {sidecar_names.SUFFIX}),
    )
    for extension in known
    for spelled in (extension, extension.upper())
}


def is_wanted(name: str) -> bool:
    """Return whether a file is, by its name, a photo or a sidecar to register.

    Names of files that a program is still writing end like neither: `a.jpg.part`, `a.jpg~`.
    """
    return not name.startswith((".", "~")) and (extensions.is_photo(name) or is_sidecar(name))


def is_sidecar(name: str) -> bool:
    """Return whether a file is, by its name, XMP or Google Takeout's JSON beside a photo."""
    return sidecar_names.is_sidecar(name) or takeout.is_takeout(name)


@dataclass(slots=True)
class Seen:
    """What a walk met besides photos."""

    #: By reason: how many folders and files were left out, and the first of them.
    left_out: dict[Reason, tuple[int, Path]] = field(default_factory=dict)
    #: Folders that could not be read.
    unreadable: set[Path] = field(default_factory=set)

    def leave_out(self, reason: Reason, path: Path) -> None:
        """Count a folder or file that is left out."""
        count, first = self.left_out.get(reason, (0, path))
        self.left_out[reason] = count + 1, first


def walk_folders(
    folder: Path, without: Exclusions, seen: Seen
) -> Iterator[tuple[Path, Entries, Entries]]:
    """Yield each folder with its photos and sidecars that are not left out, in order."""
    identities: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            identity, entries = _read_folder(current)
        except OSError as error:
            seen.unreadable.add(current)
            shown = paths.printable(paths.to_text(current))
            _log.warning("folder_unreadable", folder=shown, reason=error.strerror)
            continue
        if identity in identities:  # a link back up, or a second one to it
            continue
        identities.add(identity)
        names = {entry.name for entry in entries}
        without.note(current, names)
        if reason := without.reason_of_folder(current, names):
            seen.leave_out(reason, current)
            continue
        folders, photos, beside = _sort(entries)
        waiting.extend(Path(entry.path) for entry in reversed(folders))
        if (photos or beside) and without.has_patterns(current):
            photos = _without_left_out(photos, without, seen)
            beside = _without_left_out(beside, without, seen)
        yield current, photos, beside


def _sort(entries: Entries) -> tuple[Entries, Entries, Entries]:
    """Return the folders, the photos and the sidecars among entries."""
    folders: Entries = []
    photos: Entries = []
    beside: Entries = []
    for entry in entries:
        try:
            if entry.is_dir():
                folders.append(entry)
                continue
        except OSError:  # a link to itself
            continue
        name = entry.name
        kind = _KINDS.get(name[name.rfind(".") :])
        if kind is None:
            kind = _kind_of(name)
        elif name[0] in "~.":
            continue
        if kind is _Kind.PHOTO:
            photos.append(entry)
        elif kind is _Kind.SIDECAR:
            beside.append(entry)
    return folders, photos, beside


def _kind_of(name: str) -> _Kind:
    if not is_wanted(name):
        return _Kind.OTHER
    return _Kind.SIDECAR if is_sidecar(name) else _Kind.PHOTO


def _read_folder(folder: Path) -> tuple[tuple[int, int], list[os.DirEntry[str]]]:
    """Return a folder's identity (device, inode) and what it contains, in a fixed order."""
    found = folder.stat()
    with os.scandir(folder) as entries:
        return (found.st_dev, found.st_ino), sorted(entries, key=attrgetter("name"))


def _without_left_out(
    entries: Iterable[os.DirEntry[str]], without: Exclusions, seen: Seen
) -> list[os.DirEntry[str]]:
    kept = []
    for entry in entries:
        path = Path(entry.path)
        if reason := without.reason_of_file(path):
            seen.leave_out(reason, path)
        else:
            kept.append(entry)
    return kept


def stat_all(prefix: str, entries: Iterable[os.DirEntry[str]]) -> list[Listed]:
    """Return the entries that are regular files, or links to such."""
    listed = []
    for entry in entries:
        try:
            found = entry.stat()
        except OSError:  # gone meanwhile, a dangling link, a link to itself
            continue
        if stat.S_ISREG(found.st_mode):
            listed.append((prefix + paths.name_to_text(entry.name), entry, found))
    return listed
