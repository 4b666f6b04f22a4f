"""Jobs: work that takes longer than a request. Rows are the truth, so a restart loses none.

`catalog.web.jobs` runs them; the API shows how far they are.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from catalog.db.web_tables import Job, JobState
from catalog.errors import NotFoundError

#: A job whose process has not reported for so long is taken over by another.
ABANDONED = timedelta(seconds=60)
#: How long a finished job can be looked up.
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this process may run."""

    id: str
    kind: str
    asked: Mapping[str, Any]


def add(session: Session, kind: str, asked: Mapping[str, Any], *, now: datetime) -> str:
    """Store a job and return its id; jobs that are finished for long are deleted."""
    is_kept = Job.state == JobState.RUNNING
    session.execute(delete(Job).where(~is_kept, Job.seen_at < now - KEPT))
    job_id = uuid.uuid4().hex
    session.add(
        Job(
            id=job_id,
            kind=kind,
            state=JobState.WAITING,
            asked=dict(asked),
            created_at=now,
            seen_at=now,
        )
    )
    return job_id


def get(session: Session, job_id: str, *, kind: str | None = None) -> Job:
    """Return a job, of a kind if one is given.

    Raises:
        NotFoundError: There is none with this id.
    """
    found = session.get(Job, job_id)
    if found is None or kind not in {None, found.kind}:
        raise NotFoundError("there is no such job; finished ones are kept for a week")
    return found


def claim(session: Session, kinds: list[str], *, now: datetime) -> Claimed | None:
    """Return a job that waits or was abandoned, now held by the caller; None if there is none."""
    is_abandoned = (Job.state == JobState.RUNNING) & (Job.seen_at < now - ABANDONED)
    free = or_(Job.state == JobState.WAITING, is_abandoned)
    first = select(Job).where(free, Job.kind.in_(kinds)).order_by(Job.created_at).limit(1)
    found = session.scalars(first.with_for_update(skip_locked=True)).first()
    if found is None:
        return None
    found.state, found.seen_at = JobState.RUNNING, now
    return Claimed(found.id, found.kind, found.asked)


def keep_alive(session: Session, job_id: str, *, now: datetime) -> None:
    """Report that a job is still being worked on."""
    session.execute(update(Job).where(Job.id == job_id).values(seen_at=now))


def finish(session: Session, job_id: str, result: Mapping[str, Any], *, now: datetime) -> None:
    """Store the result of a job."""
    values = {"state": JobState.DONE, "result": dict(result), "seen_at": now}
    session.execute(update(Job).where(Job.id == job_id).values(**values))


def fail(session: Session, job_id: str, failure: str, *, now: datetime) -> None:
    """Store why a job failed."""
    values = {"state": JobState.FAILED, "failure": failure, "seen_at": now}
    session.execute(update(Job).where(Job.id == job_id).values(**values))
