"""Registers files in the catalogue: hash file and picture, register, commit, and only then ring.

The watcher calls it for files that have settled, `kadr tag` for those that a scan found.
"""

import dataclasses
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from catalog import paths
from catalog.db.database import Database
from catalog.db.tables import Root
from catalog.photos import files as photo_files
from catalog.photos import lifecycle, said
from catalog.photos.files import SeenFile
from catalog.tags import store
from worker.watch import picture, scan, sidecars, walking
from worker.watch.scan import FoundFile

_log = structlog.get_logger()

#: Sends photo ids to the workers; returns False where the broker did not take them.
Ring = Callable[[Sequence[int]], bool]

#: Reading waits for the disk, hashing releases the GIL.
_HASH_THREADS = 4
#: A file of at most this size is held in memory while it is hashed; a larger one is read twice.
_READ_WHOLE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """What happened to the files that were to be registered."""

    #: Photos that messages were sent for.
    photo_ids: tuple[int, ...]
    #: Files that changed while they were read, or are gone: to be tried again.
    unsettled: tuple[Path, ...]
    #: Known photos whose metadata changed, and nothing else: it is to be read anew.
    metadata_due: tuple[int, ...] = ()
    #: The photos of all files, whether there is anything to do or not.
    known_ids: tuple[int, ...] = ()


def take_files(
    database: Database,
    root: Root,
    files: Iterable[FoundFile],
    ring: Ring,
    *,
    look_up: store.LookUp = store.nothing_known,
    sidecar_dir: Path | None = None,
) -> Taken:
    """Register files of one root and ring for the photos that are to be tagged.

    The rows are committed first, so a lost message only costs a delay: the sweep rings again.
    Sidecars ring nothing: what they say is read here, also those of the photos that came.

    Args:
        database: The catalogue.
        root: The root that the files lie below.
        files: New and changed photos and sidecars.
        ring: Sends messages for photos.
        look_up: Knows keywords of sidecars that are new to the catalogue.
        sidecar_dir: The folder that holds the sidecars which Kadr writes.
    """
    by_kind: dict[bool, list[FoundFile]] = {True: [], False: []}
    for found in files:
        by_kind[walking.is_sidecar(found.path.name)].append(found)
    photos, beside = by_kind[False], by_kind[True]
    taken = _take_photos(database, root, photos, ring) if photos else Taken((), ())
    read = sidecars.take_sidecars(
        database, root, beside, photos, look_up=look_up, sidecar_dir=sidecar_dir
    )
    return dataclasses.replace(taken, unsettled=taken.unsettled + read.unsettled)


def _take_photos(database: Database, root: Root, files: Iterable[FoundFile], ring: Ring) -> Taken:
    top = paths.from_text(root.path)
    with ThreadPoolExecutor(_HASH_THREADS) as pool:
        read = list(pool.map(lambda found: (found, _read(found, top)), files))
    now = datetime.now(UTC)
    with database.write() as session:
        seen = [file for _, file in read if file is not None]
        registered = photo_files.register_files(session, root.id, seen, now=now)
        photo_ids = registered.pending
        said.forget_embedded(session, registered.metadata_due)
        # Not after the ring: a worker that claims at once would skip the rows that we lock.
        lifecycle.mark_rung(session, photo_ids, now=now)
    if photo_ids and not ring(photo_ids):
        with database.write() as session:
            lifecycle.make_due(session, photo_ids, now=now)
    _log.debug("files_registered", root=root.name, files=len(seen), photos=len(photo_ids))
    unsettled = tuple(found.path for found, file in read if file is None)
    return Taken(photo_ids, unsettled, registered.metadata_due, registered.photo_ids)


@dataclass(slots=True)
class Backlog:
    """The files of a root that an older Kadr registered: their pictures have no digests yet.

    They are hashed a few at a time, whenever there is nothing else to do.
    """

    database: Database
    root: Root
    ring: Ring
    _after: str = ""

    def step(self, limit: int = 16) -> bool:
        """Hash some files; return whether there were any."""
        with self.database.read() as session:
            stored = photo_files.find_undigested(
                session, self.root.id, after=self._after, limit=limit
            )
        if not stored:
            return False
        self._after = stored[-1]
        found = [scan.stat_file(paths.join(self.root.path, path)) for path in stored]
        present = [file for file in found if file is not None]
        take_files(self.database, self.root, present, self.ring)
        return True


def _read(found: FoundFile, top: Path) -> SeenFile | None:
    """Hash a file; None if it changed meanwhile, since the digest is then of mixed content."""
    stored = scan.relative(found.path, top)
    try:
        sha256, image_digest = _digests(found.path)
    except FileNotFoundError:
        return None
    except OSError as error:
        fact = (error.strerror or str(error)).lower()
        reason = f"{paths.printable(stored)}: {fact}; make it readable, and it is taken"
        return SeenFile(stored, found.stat, None, failure=reason)
    after = scan.stat_file(found.path)
    if after is None or after.stat != found.stat:
        return None
    return SeenFile(stored, found.stat, sha256, image_digest)


def _digests(path: Path) -> tuple[bytes, bytes | None]:
    """Return the sha256 of a file and the digest of its picture; most files are read only once."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb", buffering=0) as file:  # noqa: PTH123 - from a descriptor
        if os.fstat(file.fileno()).st_size <= _READ_WHOLE_BYTES:
            data = file.readall()
            return hashlib.sha256(data).digest(), picture.digest(io.BytesIO(data))
        return hashlib.file_digest(file, "sha256").digest(), picture.digest(file)
