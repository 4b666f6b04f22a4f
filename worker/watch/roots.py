"""Turns the folders that a person names into roots of the catalogue; commands call it.

A folder below a known root belongs to that root, so that no photo is registered under two roots.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from catalog import paths
from catalog.db.database import Database
from catalog.db.tables import Root
from catalog.photos import roots
from worker.watch import scan

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

    @property
    def shown(self) -> str:
        """The folder's path as a person can read it."""
        return paths.printable(paths.to_text(self.path))


def register(database: Database, given: Sequence[str], *, poll: bool = False) -> list[Folder]:
    """Return the folders that were named, registered as roots where new; nested ones once.

    Args:
        database: The catalogue.
        given: Paths as a person wrote them.
        poll: Whether new roots are polled; those on network file systems always are.

    Raises:
        RootError: A path does not exist, is not a folder, or cannot be read.
    """
    wanted = sorted({scan.check_root(Path(folder)) for folder in given})
    outermost = [p for p in wanted if not any(q in p.parents for q in wanted)]
    with database.write() as session:
        return [
            Folder(
                roots.register_root(session, path, polled=poll or is_on_network(path)),
                path,
            )
            for path in outermost
        ]


def is_on_network(path: Path) -> bool:
    """Return whether a folder is on a file system that does not send events for every change."""
    mounts = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    real = os.path.realpath(path)
    holding = [mount for mount in mounts if os.path.commonpath([real, mount]) == mount]
    kind = mounts[max(holding, key=len)] if holding else ""
    return kind.lower() in _NETWORK_TYPES
