"""Reads the metadata of photos that were tagged already: files changed in place, old catalogues.

No photo is decoded, no model is loaded; files are opened in guarded processes. `kadr watch` and
`kadr tag` call it after they compared the folders, `kadr metadata read` for the photos that a
person names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import structlog

from catalog.db import sql
from catalog.db.database import Database
from catalog.photos import said
from catalog.photos.said import UnreadFile
from catalog.said import Said
from catalog.tags import metadata, store
from worker.decoding import jobs
from worker.decoding.pool import Decoders
from worker.errors import PhotoError, PhotoStalledError
from worker.watch import scan, sidecars

_log = structlog.get_logger()

_PHOTOS_AT_ONCE = 256


def read_unread(
    database: Database,
    decoders: Decoders,
    look_up: store.LookUp = store.nothing_known,
    photo_ids: Sequence[int] | None = None,
) -> int:
    """Read the metadata of photos whose files' metadata is not known; return their number.

    A file that changed since it was registered, or that could not be read now, is left for the next
    time. With `photo_ids`, at most
    some hundred, only those photos are read.
    """
    last = done = 0
    while True:
        with database.read() as session:
            unread = said.find_unread(
                session, after=last, limit=_PHOTOS_AT_ONCE, photo_ids=photo_ids
            )
        if not unread:
            return done
        last = unread[-1].photo_id
        done += _read(database, decoders, unread, look_up)


@dataclass(frozen=True, slots=True)
class Reread:
    """What was read again."""

    photos: int
    sidecars: int


def read_again(
    database: Database,
    decoders: Decoders,
    photo_ids: Sequence[int],
    look_up: store.LookUp = store.nothing_known,
    sidecar_dir: Path | None = None,
) -> Reread:
    """Read the metadata of photos and of all sidecars beside them, changed or not.

    Photos that wait to be tagged are left out: that reads their metadata.
    """
    photos = read = 0
    for chunk in sql.chunks(photo_ids, _PHOTOS_AT_ONCE):
        with database.write() as session:
            said.forget_embedded(session, chunk)
            files = said.find_present_files(session, chunk)
        for root, group in groupby(files, key=lambda file: file.root):
            found = [scan.stat_file(file.path) for file in group]
            present = [file for file in found if file is not None]
            read += sidecars.take_sidecars(
                database, root, (), present, look_up=look_up, sidecar_dir=sidecar_dir
            ).read
        photos += read_unread(database, decoders, look_up, chunk)
    return Reread(photos, read)


def _read(
    database: Database, decoders: Decoders, unread: Sequence[UnreadFile], look_up: store.LookUp
) -> int:
    with database.write() as session:  # files that were moved or copied say what they said
        shared = said.share_embedded(session, [file.photo_id for file in unread])
    left = [file for file in unread if file.photo_id not in shared and _is_unchanged(file)]
    found = decoders.run_all(jobs.read_metadata, [file.path for file in left])
    read = {
        file.photo_id: Said() if isinstance(each, PhotoError) else each  # damaged: it says nothing
        for file, each in zip(left, found, strict=True)
        if not isinstance(each, PhotoStalledError)
    }
    now = datetime.now(UTC)
    with database.write() as session:
        said.record_embedded(session, read)
        changed = metadata.apply(session, [*shared, *read], now=now, look_up=look_up)
    _log.debug("metadata_read", photos=len(read), keywords=changed)
    return len(read) + len(shared)


def _is_unchanged(file: UnreadFile) -> bool:
    found = scan.stat_file(file.path)
    return found is not None and found.stat.has_content_of(file.stat)
