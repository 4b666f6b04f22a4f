"""Knows which processes tag photos: each reports itself, with how long its stages took.

`worker` reports at each sweep; the status page and the metrics read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.web_tables import WorkerSeen

#: A process that was not seen for so long is forgotten.
KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Stage:
    """How often a part of the work was done, and how many seconds it took in all."""

    count: int
    seconds: float


def report(
    session: Session,
    name: str,
    *,
    started_at: datetime,
    now: datetime,
    stages: Mapping[str, Stage] | None = None,
) -> None:
    """Note that a process is at work; those that were not seen for long are deleted."""
    session.execute(delete(WorkerSeen).where(WorkerSeen.seen_at < now - KEPT))
    values: dict[str, Any] = {"started_at": started_at, "seen_at": now}
    if stages is not None:
        values["stages"] = {
            key: {"count": each.count, "seconds": each.seconds} for key, each in stages.items()
        }
    statement = sql.insert(session, WorkerSeen).values(name=name, **values)
    names = [WorkerSeen.name]
    session.execute(statement.on_conflict_do_update(index_elements=names, set_=values))


def forget(session: Session, name: str) -> None:
    """Delete a process that ends."""
    session.execute(delete(WorkerSeen).where(WorkerSeen.name == name))


def find(session: Session, now: datetime) -> list[WorkerSeen]:
    """Return the processes that were seen in the last hour, by name."""
    recent = select(WorkerSeen).where(WorkerSeen.seen_at >= now - KEPT)
    return list(session.scalars(recent.order_by(WorkerSeen.name)))
