"""Turns the folders that a person names into roots of the catalogue; commands call it.

A folder below a known root belongs to that root, so that no photo is registered under two roots.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import psutil

from catalog import paths
from catalog.db.database import Database
from catalog.db.tables import Root
from catalog.photos import roots
from worker.errors import RootError
from worker.watch import scan, walking

#: File systems that send events only on the host that made a change.
_NETWORK_TYPES = frozenset(
    {"9p", "afpfs", "afs", "ceph", "cifs", "coda", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"smb2", "smb3", "smbfs", "vboxsf", "vmhgfs", "webdav", "fuse.davfs", "fuse.glusterfs"}
    | {"fuse.rclone", "fuse.s3fs", "fuse.sshfs", "fuse.vmhgfs-fuse"}
)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder to scan or watch, and the root that it belongs to."""

    root: Root
    #: Absolute; the root itself, or a folder below it.
    path: Path
    #: The photos in it that were named, if not all of it was.
    photos: tuple[Path, ...] = ()

    @property
    def is_part(self) -> bool:
        """Return whether it is a folder below its root, not all of it."""
        return not self.photos and paths.to_text(self.path) != self.root.path

    @property
    def shown(self) -> str:
        """What was named, as a person can read it."""
        named = self.photos or (self.path,)
        return ", ".join(paths.printable(paths.to_text(path)) for path in named)


def register(database: Database, given: Sequence[str], *, poll: bool = False) -> list[Folder]:
    """Return the folders and photos that were named, registered as roots where new.

    Nested folders come once. A folder that is known by another path, through a symbolic link, is
    that one. A photo belongs to the root that it lies in, or else its folder becomes one.

    Args:
        database: The catalogue.
        given: Paths as a person wrote them.
        poll: Whether new roots are polled; those on network file systems always are.

    Raises:
        RootError: A path does not exist, is neither a folder nor a photo, or cannot be read.
    """
    named = [_look_up(Path(each).expanduser()) for each in given]
    with database.write() as session:
        known = roots.find_paths(session)

        def register_one(path: Path) -> Root:
            inside = _inside(path, roots.find_paths(session))
            polled = poll or is_on_network(path)
            return roots.register_root(session, path, polled=polled, inside=inside)

        folders = _outermost({_known_as(each, known) for each, photo in named if photo is None})
        found = [Folder(register_one(path), path) for path in folders]
        for parent in sorted({parent for parent, photo in named if photo is not None}):
            place = _known_as(parent, [*known, *folders])
            if any(_lies_in(place, folder) for folder in folders):
                continue
            photos = {place / photo.name for each, photo in named if photo and each == parent}
            found.append(Folder(register_one(place), place, tuple(sorted(photos))))
        return found


def _look_up(path: Path) -> tuple[Path, Path | None]:
    """Return a folder that was named, or the folder of a photo and the photo.

    Raises:
        RootError: The path is neither, or cannot be read.
    """
    if not os.path.isfile(path):  # noqa: PTH113  Path.is_file raises without permission
        return scan.check_root(path), None
    if not walking.is_wanted(path.name) or walking.is_sidecar(path.name):
        shown = paths.printable(paths.to_text(path))
        raise RootError(f"{shown}: not a photo by its name; name a photo or a folder of photos")
    return scan.check_root(path.parent), path


def _inside(path: Path, known: Iterable[Path]) -> dict[Path, PurePath]:
    """Return the known roots that lie in a folder by a link only, and where they lie there."""
    return {
        each: Path(os.path.realpath(each)).relative_to(os.path.realpath(path))
        for each in known
        if not each.is_relative_to(path) and _lies_in(each, path)
    }


def _known_as(folder: Path, known: Iterable[Path]) -> Path:
    """Return a folder by the path of the known root that it lies in, if it does."""
    candidates = sorted(known, key=lambda each: (folder.is_relative_to(each), str(each)))
    for top in reversed(candidates):  # the paths that need no link first
        if folder.is_relative_to(top):
            return folder
        if _lies_in(folder, top):
            return top / Path(os.path.realpath(folder)).relative_to(os.path.realpath(top))
    return folder


def _outermost(folders: Iterable[Path]) -> list[Path]:
    """Return the folders that lie in none of the others; of one folder by two paths the first."""
    kept: list[Path] = []
    for path in sorted(folders, key=lambda each: (len(Path(os.path.realpath(each)).parts), each)):
        if not any(_lies_in(path, outer) for outer in kept):
            kept.append(path)
    return sorted(kept)


def _lies_in(folder: Path, outer: Path) -> bool:
    """Return whether a folder is another one or lies in it, whatever links lead there."""
    real = Path(os.path.realpath(folder))
    return os.path.isdir(outer) and real.is_relative_to(os.path.realpath(outer))  # noqa: PTH112


def is_on_network(path: Path) -> bool:
    """Return whether a folder is on a file system that does not send events for every change."""
    mounts = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    real = os.path.realpath(path)
    holding = [mount for mount in mounts if os.path.commonpath([real, mount]) == mount]
    kind = mounts[max(holding, key=len)] if holding else ""
    return kind.lower() in _NETWORK_TYPES
