"""A gallery for browsers: a catalogue made by SQL, served by a thread, pictures of one colour."""

import hashlib
import io
import shutil
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import uvicorn
from PIL import Image
from sqlalchemy import insert, text

from catalog.db import database as databases
from catalog.db.database import Database
from catalog.db.tables import (
    Embedding,
    Model,
    Photo,
    PhotoEvent,
    PhotoFile,
    PhotoState,
    PhotoTag,
    Root,
    Source,
    Tag,
    TagAlias,
)
from catalog.photos.history import EventKind
from catalog.web.app import create_app
from catalog.web.services import Services, ThumbKey
from catalog.web.settings import WebSettings

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
WORDS = ("dog", "beach", "sea", "cat", "grass", "person", "street", "boat", "flower", "snow")
HOSTILE_WORDS = ("</script><b>bold", "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET} right", "x" * 100)
HOSTILE_NAMES = (
    '"><img src=x onerror=alert(1)>.jpg',
    "</script>.jpg",
    "a\N{RIGHT-TO-LEFT OVERRIDE}gpj.jpg",
)
_RATIOS = ((1500, 1000), (1000, 1500), (1600, 900), (1000, 1000), (3000, 700), (1200, 900))
_DIM = 8


class Colours:
    """Makes a picture of one colour for any photo."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], bytes] = {}

    def find(self, key: ThumbKey) -> bytes:
        """Return a picture whose colour follows from the photo's content."""
        tone = int(key.sha256[:2], 16) // 16
        if (tone, key.size) not in self._made:
            shade = Image.new(
                "RGB", (key.size * 3 // 2, key.size), (40 + tone * 10, 90, 200 - tone * 9)
            )
            buffer = io.BytesIO()
            shade.save(buffer, "WEBP", quality=40, method=0)
            self._made[tone, key.size] = buffer.getvalue()
        return self._made[tone, key.size]

    async def make(self, key: ThumbKey, places: Sequence[Path]) -> bytes:  # noqa: ARG002
        """Return the same; nothing has to be opened."""
        return self.find(key)


@dataclass(frozen=True, slots=True)
class Gallery:
    """A served gallery."""

    url: str
    database: Database

    def tag_another(self, name: str, word: str = "dog") -> int:
        """Let a photo arrive as a worker would record it; return its id."""
        with self.database.write() as session:
            last = session.scalar(text("SELECT max(id) FROM photo")) or 0
            tag_id = session.scalar(text("SELECT id FROM tag WHERE name = :name"), {"name": word})
            fill(session.connection(), [last + 1], names=[name], words={int(tag_id or 1): 0.9})
            session.execute(
                insert(PhotoEvent),
                [{"photo_id": last + 1, "at": datetime.now(UTC), "kind": EventKind.TAGGED.value}],
            )
        return int(last) + 1


def build_small(path: Path) -> None:
    """Write a catalogue of some hundred photos with all that pages show."""
    with (
        databases.open_database(f"sqlite:///{path}", upgrade=True) as database,
        database.write() as session,
    ):
        connection = session.connection()
        _add_ground(connection)
        fill(connection, range(1, 301))
        names = {"id": range(301, 304), "words": HOSTILE_WORDS}
        for photo_id, name, word in zip(names["id"], HOSTILE_NAMES, range(101, 104), strict=True):
            fill(connection, [photo_id], names=[name], words={word: 0.8})
        connection.execute(
            Photo.__table__.update().where(Photo.id.in_([10, 20, 30])),
            {
                "state": PhotoState.QUARANTINED,
                "failure": "20.jpg: the file ends before its picture",
            },
        )
        connection.execute(
            Photo.__table__.update().where(Photo.id.in_([40, 41])), {"taken_at": None}
        )


def build_large(path: Path, n_photos: int = 100_000) -> None:
    """Write a catalogue of many photos over sixteen years."""
    with (
        databases.open_database(f"sqlite:///{path}", upgrade=True) as database,
        database.write() as session,
    ):
        connection = session.connection()
        _add_ground(connection)
        for first in range(1, n_photos + 1, 10_000):
            fill(
                connection,
                range(first, min(first + 10_000, n_photos + 1)),
                step=timedelta(minutes=84),
            )


def _add_ground(connection) -> None:
    connection.execute(
        insert(Root), [{"id": 1, "name": "photos", "path": "/photos", "polled": False}]
    )
    tags = [{"id": n, "name": word, "key": word, "photos": 30} for n, word in enumerate(WORDS, 1)]
    tags += [{"id": 50, "name": "animal", "key": "animal", "photos": 0}]
    tags += [
        {"id": n, "name": word, "key": word.casefold(), "photos": 1}
        for n, word in enumerate(HOSTILE_WORDS, 101)
    ]
    connection.execute(insert(Tag), tags)
    connection.execute(Tag.__table__.update().where(Tag.id.in_([1, 4])), {"parent_id": 50})
    aliases = [("собака", 1, "ru"), ("пляж", 2, "ru"), ("dogs", 1, None)]
    connection.execute(
        insert(TagAlias),
        [
            {"key": word, "name": word, "tag_id": n, "language": language}
            for word, n, language in aliases
        ],
    )
    connection.execute(insert(Model), [{"id": 1, "name": "tiny", "digest": "a" * 64, "dim": _DIM}])


def fill(connection, ids, *, names=None, words=None, step=timedelta(days=5)) -> None:
    """Insert photos with files, three keywords each, and vectors."""
    ids = list(ids)
    photos, files, tags, vectors = [], [], [], []
    draw = np.random.default_rng(ids[0])
    for n, photo_id in enumerate(ids):
        name = f"{photo_id // 1000}/{photo_id}.jpg" if names is None else names[n]
        width, height = _RATIOS[photo_id % len(_RATIOS)]
        photos.append(
            {
                "id": photo_id,
                "sha256": hashlib.sha256(str(photo_id).encode()).digest(),
                "size_bytes": 1000 + photo_id,
                "width": width,
                "height": height,
                "format": "jpeg",
                "camera": "X100" if photo_id % 2 else "D750",
                "taken_at": datetime(2026, 4, 1) - photo_id * step,  # noqa: DTZ001 - a camera's clock
                "state": PhotoState.TAGGED,
                "added_at": NOW + timedelta(seconds=photo_id),
                "tagged_at": NOW,
            }
        )
        files.append(
            {"root_id": 1, "path": name, "size_bytes": 1000, "mtime_ns": 1, "photo_id": photo_id}
        )
        chosen = words or {
            1 + (photo_id * k) % len(WORDS): round(0.97 - (photo_id % 8) * 0.11, 2)
            for k in (1, 3, 7)
        }
        tags += [
            {
                "tag_id": tag_id,
                "photo_id": photo_id,
                "score": 0.1,
                "similarity": 0.2,
                "confidence": confidence,
                "source": Source.CLIP,
            }
            for tag_id, confidence in chosen.items()
        ]
        vector = draw.standard_normal(_DIM).astype(np.float32)
        vectors.append(
            {"model_id": 1, "photo_id": photo_id, "vector": vector / np.linalg.norm(vector)}
        )
    for table, rows in (
        (Photo, photos),
        (PhotoFile, files),
        (PhotoTag, tags),
        (Embedding, vectors),
    ):
        connection.execute(insert(table), rows)


@contextmanager
def serve(template: Path, folder: Path, **settings: object) -> Iterator[Gallery]:
    """Serve a copy of a catalogue on a free port of this machine."""
    file = folder / "kadr.db"
    shutil.copyfile(template, file)
    with databases.open_database(f"sqlite:///{file}", upgrade=False) as database:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)  # browsers wait in the queue until the server is there
        port = listening.getsockname()[1]
        chosen = WebSettings(cache_dir=folder / "cache", web_port=port, **settings)
        app = create_app(database, Services(thumbnails=Colours()), chosen)
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield Gallery(f"http://127.0.0.1:{port}", database)
        finally:
            server.should_exit = True
            thread.join()
