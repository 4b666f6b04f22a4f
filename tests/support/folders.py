"""A folder of files and the catalogue that follows it, without processes or threads."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoEvent, PhotoFile, PhotoTag, Root, Tag
from catalog.photos import roots
from tests.support import catalogue
from worker.watch import ingest, scan
from worker.watch.exclusions import Rules


@dataclass
class Folder:
    """A root in a catalogue; `compare` and `take` do what `kadr tag` and `kadr watch` do."""

    top: Path
    database: Database
    root: Root
    #: All photos that were rung for, ring by ring.
    rung: list[list[int]] = field(default_factory=list)
    #: Those of `ring_later`.
    rung_later: list[list[int]] = field(default_factory=list)
    is_broker_up: bool = True
    sidecar_dir: Path | None = None

    def write(self, name: str, content: bytes | str | None = None) -> Path:
        """Write a file, by default with its name as its content; each has a later time."""
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = name if content is None else content
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        now = _next_time()
        os.utime(path, ns=(now, now))
        return path

    def ring_later(self, photo_ids: Sequence[int]) -> bool:
        """Take a ring for what was there before."""
        self.rung_later.append(list(photo_ids))
        return self.is_broker_up

    def ring(self, photo_ids: Sequence[int]) -> bool:
        """Take a ring as a broker does."""
        self.rung.append(list(photo_ids))
        return self.is_broker_up

    def compare(self) -> list[str]:
        """Bring the catalogue in step by a scan; returns the paths that were new or changed."""
        taken = []
        rules = Rules(sidecar_dir=self.sidecar_dir)
        for changed in scan.find_changes(self.database, self.root, rules=rules):
            taken += [_shown(found.path, self.top) for found in changed]
            ingest.take_files(
                self.database, self.root, changed, self.ring, sidecar_dir=self.sidecar_dir
            )
        return taken

    def take(self, *names: str) -> ingest.Taken:
        """Bring the catalogue in step with files that were written, as after their events."""
        found = [scan.stat_file(self.top / name) for name in names]
        present = [file for file in found if file is not None]
        return ingest.take_files(self.database, self.root, present, self.ring)

    def forget(self, names: Iterable[str]) -> None:
        """Bring the catalogue in step with files that are gone, as after their events."""
        scan.mark_missing(self.database, self.root, names)

    def rows(self) -> dict[str, bytes | None]:
        """Return path -> sha256 of what the catalogue says lies in the folder now."""
        query = (
            select(PhotoFile.path, Photo.sha256)
            .join(Photo, Photo.id == PhotoFile.photo_id, isouter=True)
            .where(PhotoFile.root_id == self.root.id, PhotoFile.missing_since.is_(None))
        )
        with self.database.read() as session:
            return dict(session.execute(query).all())

    def missing(self) -> set[str]:
        """Return the paths that are marked missing."""
        query = select(PhotoFile.path).where(
            PhotoFile.root_id == self.root.id, PhotoFile.missing_since.is_not(None)
        )
        with self.database.read() as session:
            return set(session.scalars(query))

    def photo_ids(self) -> dict[str, int | None]:
        """Return path -> photo of every path the catalogue knows."""
        query = select(PhotoFile.path, PhotoFile.photo_id).where(PhotoFile.root_id == self.root.id)
        with self.database.read() as session:
            return dict(session.execute(query).all())

    def tag(self, name: str, *words: str) -> int:
        """Tag the photo that lies at a path; returns its id."""
        photo_id = self.photo_ids()[name]
        assert photo_id is not None
        with self.database.write() as session:
            catalogue.tag_photo(session, photo_id, dict.fromkeys(words, 0.5))
        return photo_id

    def tags(self, photo_id: int) -> set[str]:
        """Return the words on a photo."""
        query = select(Tag.name).join(PhotoTag, PhotoTag.tag_id == Tag.id)
        with self.database.read() as session:
            return set(session.scalars(query.where(PhotoTag.photo_id == photo_id)))

    def history(self, photo_id: int) -> list[str]:
        """Return what happened to a photo, in order."""
        query = select(PhotoEvent.kind).where(PhotoEvent.photo_id == photo_id)
        with self.database.read() as session:
            return list(session.scalars(query.order_by(PhotoEvent.id)))


def open_folder(database: Database, top: Path) -> Folder:
    """Make a folder and register it as a root."""
    top.mkdir(parents=True, exist_ok=True)
    with database.write() as session:
        return Folder(top, database, roots.register_root(session, top))


def digest(content: bytes | str) -> bytes:
    """Return the sha256 that makes this content a photo of its own."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).digest()


def _shown(path: Path, top: Path) -> str:
    return scan.relative(path, top) if path.is_relative_to(top) else str(path)


_times = iter(range(10**18, 2 * 10**18, 10**9))


def _next_time() -> int:
    """Return another modification time each time: file systems round, and tests write fast."""
    return next(_times)
