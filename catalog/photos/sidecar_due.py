"""Marks sidecars as due: what they should hold has changed.

`catalog.tags` calls it in the transaction that changes keywords, so that no change is forgotten;
`catalog.photos.sidecar_writes` leases what is due.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, exists, select, update
from sqlalchemy.orm import Session

from catalog.db import bulk, sql
from catalog.db.tables import PhotoFile, Sidecar, SidecarState
from catalog.photos import sidecar_policy, sidecars

#: Waits for the next decision about the same photo, so that ten of them make one write.
DEBOUNCE_S = 5.0

SUFFIX = ".xmp"


def mark_due(
    session: Session,
    photo_ids: Iterable[int],
    *,
    now: datetime,
    is_decision: bool = True,
    delay_s: float = DEBOUNCE_S,
    with_contested: bool = False,
) -> int:
    """Mark the sidecars of photos as to be written, where the policy of their root wants it.

    A file without a sidecar gets a row for one that is only planned.

    Args:
        session: The transaction in which the keywords changed.
        photo_ids: Photos whose keywords changed.
        now: The time of the change.
        is_decision: Whether a person decided; what a model says matters to roots with a confidence.
        delay_s: How long the next change is waited for.
        with_contested: Whether sidecars that were given up are tried again.

    Returns:
        How many sidecars are due.
    """
    policies = sidecar_policy.load(session)
    roots = [root for root, policy in policies.items() if is_decision or policy.least is not None]
    if not roots:
        return 0
    due_at = now + timedelta(seconds=delay_s)
    return sum(
        _mark(session, chunk, roots, due_at, with_contested=with_contested)
        for chunk in sql.chunks(photo_ids)
    )


def _mark(
    session: Session,
    photo_ids: Sequence[int],
    roots: Sequence[int],
    due_at: datetime,
    *,
    with_contested: bool,
) -> int:
    is_wanted = and_(
        PhotoFile.photo_id.in_(photo_ids),
        PhotoFile.missing_since.is_(None),
        PhotoFile.root_id.in_(roots),
    )
    ids = select(PhotoFile.id).where(is_wanted)
    changed = update(Sidecar).where(Sidecar.file_id.in_(ids), sidecars.is_xmp())
    if not with_contested:
        changed = changed.where(Sidecar.state != SidecarState.CONTESTED)
    # A lease ends here: its holder writes what was decided before.
    values = {"state": SidecarState.DUE, "due_at": due_at, "lease_token": None, "attempts": 0}
    marked = session.scalars(
        changed.values(**values).returning(Sidecar.id).execution_options(synchronize_session=False)
    ).all()
    has_one = exists().where(Sidecar.file_id == PhotoFile.id, sidecars.is_xmp())
    bare = select(PhotoFile.id, PhotoFile.root_id, PhotoFile.path).where(is_wanted, ~has_one)
    rows = [
        {"root_id": row.root_id, "path": row.path + SUFFIX, "file_id": row.id}
        | {"state": SidecarState.DUE, "due_at": due_at}
        for row in session.execute(bare.order_by(PhotoFile.path))
    ]
    _upsert(session, rows)
    return len(marked) + len(rows)


def plan(session: Session, root_id: int, path: str, file_id: int, *, due_at: datetime) -> None:
    """Mark one sidecar of a file as due, by its path, whether it is known or not."""
    row = {"root_id": root_id, "path": path, "file_id": file_id}
    _upsert(session, [row | {"state": SidecarState.DUE, "due_at": due_at}])


def _upsert(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    names = ("file_id", "state", "due_at")
    bulk.upsert(session, Sidecar, rows, key=("root_id", "path"), changing=names)
