"""Reads the metadata of photos that were tagged already: files changed in place, old catalogues.

No photo is decoded, no model is loaded. `kadr watch` and `kadr tag` call it after they compared the
folders, `kadr metadata read` for the photos that a person names.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import structlog

from catalog.db.database import Database
from catalog.photos import said
from catalog.photos.said import UnreadFile
from catalog.tags import metadata, store
from worker.images import Limits, embedded
from worker.watch import scan

_log = structlog.get_logger()

_PHOTOS_AT_ONCE = 256
_THREADS = 4


def read_unread(
    database: Database,
    look_up: store.LookUp = store.nothing_known,
    limits: Limits | None = None,
) -> int:
    """Read the metadata of photos whose files' metadata is not known; return their number.

    A file that changed since it was registered is left for the next time.
    """
    last = done = 0
    while True:
        with database.read() as session:
            unread = said.find_unread(session, after=last, limit=_PHOTOS_AT_ONCE)
        if not unread:
            return done
        last = unread[-1].photo_id
        done += _read(database, unread, look_up, limits)


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
