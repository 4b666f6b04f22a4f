"""Compares the folders with the catalogue when somebody asks for it on the status page."""

from collections.abc import Callable, Sequence

import structlog

from catalog import paths
from catalog.db.database import Database
from catalog.photos import roots
from worker.errors import RootError
from worker.watch import ingest, scan
from worker.watch.exclusions import Rules

_log = structlog.get_logger()


def scan_roots(
    database: Database, ring: Callable[[Sequence[int]], bool], rules: Rules | None = None
) -> int:
    """Register what is new or changed below every root; return how many photos are to be tagged.

    A root that is not mounted on this machine is left alone.

    Args:
        database: The catalogue.
        ring: Sends messages for photos.
        rules: What is left out, and where sidecars lie.
    """
    rules = rules or Rules()
    with database.read() as session:
        known = roots.list_roots(session)
    photos = 0
    for root in known:
        try:
            scan.check_root(paths.from_text(root.path))
        except RootError as error:
            _log.warning("root_not_scanned", reason=str(error))
            continue
        for changed in scan.find_changes(database, root, rules=rules):
            if changed:
                taken = ingest.take_files(
                    database, root, changed, ring, sidecar_dir=rules.sidecar_dir
                )
                photos += len(taken.photo_ids)
    return photos
