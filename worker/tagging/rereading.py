"""Reads the metadata of photos that were tagged already: files changed in place, old catalogues.

No photo is decoded, no model is loaded. `kadr watch` and `kadr tag` call it after they compared the
folders, `kadr metadata read` for the photos that a person names.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import structlog

from catalog.db import sql
from catalog.db.database import Database
from catalog.photos import said
from catalog.photos.said import UnreadFile
from catalog.tags import metadata, store
from worker.images import Limits, embedded
from worker.watch import scan, sidecars

_log = structlog.get_logger()

_PHOTOS_AT_ONCE = 256
_THREADS = 4


def read_unread(
    database: Database,
    look_up: store.LookUp = store.nothing_known,
    limits: Limits | None = None,
    photo_ids: Sequence[int] | None = None,
) -> int:
    """Read the metadata of photos whose files' metadata is not known; return their number.

    A file that changed since it was registered is left for the next time. With `photo_ids`, at most
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
        done += _read(database, unread, look_up, limits)


@dataclass(frozen=True, slots=True)
class Reread:
    """What was read again."""

    photos: int
    sidecars: int


def read_again(
    database: Database,
    photo_ids: Sequence[int],
    look_up: store.LookUp = store.nothing_known,
    limits: Limits | None = None,
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
        photos += read_unread(database, look_up, limits, chunk)
    return Reread(photos, read)


def _read(
    database: Database,
    unread: Sequence[UnreadFile],
    look_up: store.LookUp,
    limits: Limits | None,
) -> int:
    with database.write() as session:  # files that were moved or copied say what they said
        shared = said.share_embedded(session, [file.photo_id for file in unread])
    left = [file for file in unread if file.photo_id not in shared and _is_unchanged(file)]
    with ThreadPoolExecutor(_THREADS) as pool:
        read = dict(
            zip(
                (file.photo_id for file in left),
                pool.map(lambda file: embedded.read(file.path, limits), left),
                strict=True,
            )
        )
    now = datetime.now(UTC)
    with database.write() as session:
        said.record_embedded(session, read)
        changed = metadata.apply(session, [*shared, *read], now=now, look_up=look_up)
    _log.debug("metadata_read", photos=len(read), keywords=changed)
    return len(read) + len(shared)


def _is_unchanged(file: UnreadFile) -> bool:
    found = scan.stat_file(file.path)
    return found is not None and found.stat.has_content_of(file.stat)
