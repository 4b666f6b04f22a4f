"""A folder of photos, the catalogue that knows them, and the writer of their sidecars."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from catalog.db.database import Database
from catalog.db.tables import PhotoFile, Root, Sidecar, SidecarState
from catalog.paths import FileStat
from catalog.photos import files, roots, sidecar_lists
from catalog.photos.sidecar_writes import Tally
from catalog.tags import decisions
from catalog.tags.store import TagSpec
from tests.support import photos, readers
from tests.support.catalogue import tag_photo
from worker.sidecars.writer import Options, Writer

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SPECS = {
    "beagle": TagSpec("beagle", (), ("dog", "animal")),
    "dog": TagSpec("dog", (), ("animal",)),
}


class Tree:
    """A folder of photos, the catalogue that knows them, and a writer."""

    def __init__(self, database: Database, top: Path, policy: str = "confirmed") -> None:
        self.database, self.top, self.now = database, top, NOW
        with database.write() as session:
            self.root_id = roots.register_root(session, top).id
            session.get_one(Root, self.root_id).sidecars = policy

    def add(self, name: str = "IMG.jpg", data: bytes | None = None) -> int:
        """Write a photo and register it as tagged."""
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data or photos.jpeg_bytes() + name.encode())
        digest = hashlib.sha256(path.read_bytes()).digest()
        seen = files.SeenFile(name, FileStat(path.stat().st_size, 1), digest)
        with self.database.write() as session:
            files.register_files(session, self.root_id, [seen], now=NOW)
            query = select(PhotoFile.photo_id).where(PhotoFile.path == name)
            photo_id = session.scalars(query).one()
            assert photo_id is not None
            tag_photo(session, photo_id, {"dog": 0.9, "sea": 0.5}, specs=SPECS)
        return photo_id

    def decide(self, photo_id: int, *add: str, reject: tuple[str, ...] = ()) -> None:
        def look_up(_keys: object) -> dict[str, TagSpec]:
            return SPECS

        with self.database.write() as session:
            if add:
                decisions.add(session, [photo_id], add, now=self.now, look_up=look_up)
            if reject:
                decisions.reject(session, [photo_id], reject, now=self.now)

    def writer(self, **options: object) -> Writer:
        return Writer(self.database, Options(**options), clock=lambda: self.now)  # type: ignore[arg-type]

    def write(self, **options: object) -> Tally:
        """Write all that is due, some seconds later."""
        self.now += timedelta(seconds=10)
        writing, total = self.writer(**options), Tally()
        while (done := writing.write_batch()).total:
            total += done
        return total

    def state(self, name: str) -> SidecarState:
        with self.database.read() as session:
            return session.scalars(select(Sidecar.state).where(Sidecar.path == name)).one()

    def names(self) -> list[str]:
        return sorted(str(p.relative_to(self.top)) for p in self.top.rglob("*") if p.is_file())

    def fields(self, name: str = "IMG.jpg.xmp") -> dict[str, list[str]]:
        return readers.read_fields(self.top / name)

    def failure(self) -> str:
        with self.database.read() as session:
            (problem,) = sidecar_lists.find_problems(session)
        return problem.failure
