"""Routes about the tagging itself: how it stands, what failed, another try, scans, jobs."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from catalog.photos import lifecycle, status
from catalog.photos import workers as seen_workers
from catalog.requests import jobs
from catalog.tags import taggers
from catalog.web import context, guard
from catalog.web import jobs as running
from catalog.web.api.decisions import AcceptedShape
from catalog.web.api.shapes import PhotoId, Shape

router = APIRouter(tags=["operations"])


class CountsShape(Shape):
    """Photos by state; missing ones are in `missing` and in no other number."""

    pending: int
    #: Of the pending ones: their file was missing or changing at the last try.
    waiting: int
    leased: int
    tagged: int
    quarantined: int
    missing: int
    #: Files that could not be read.
    unreadable: int


class WorkerShape(Shape):
    """A process that tags."""

    name: str
    started_at: datetime
    seen_at: datetime


class StatusShape(Shape):
    """How the catalogue stands."""

    counts: CountsShape
    #: Photos per second over the last five minutes.
    rate: float
    keywords: int
    tagger: dict[str, Any] | None
    workers: list[WorkerShape]
    sidecars: dict[str, int]


class FailureShape(Shape):
    """A photo that could not be read, or a file that belongs to none."""

    photo_id: int | None
    path: str
    reason: str


class FailuresShape(Shape):
    """What could not be tagged, by path."""

    items: list[FailureShape]


class RetryShape(BaseModel):
    """Which photos to try again."""

    #: Null for all that are quarantined.
    photos: Annotated[list[PhotoId] | None, Field(min_length=1, max_length=10_000)] = None


class RetriedShape(Shape):
    """How many photos are tried again."""

    photos: int


class JobShape(Shape):
    """How far a job is."""

    id: str
    kind: str
    state: str
    #: Why it failed.
    detail: str | None
    result: dict[str, Any] | None
    created_at: datetime


@router.get("/status")
def get_status(request: Request) -> StatusShape:
    """Return how many photos are tagged, pending and quarantined, and what tags them."""
    web = context.of(request)
    now = datetime.now(UTC)
    with web.database.read() as session:
        chosen = taggers.find(session)
        return StatusShape(
            counts=CountsShape.model_validate(status.count_states(session)),
            rate=round(status.get_rate(session, now), 2),
            keywords=web.kept.get(session, "keywords", lambda: status.count_tags(session)),
            tagger=None if chosen is None else asdict(chosen),
            workers=[WorkerShape.model_validate(each) for each in seen_workers.find(session, now)],
            sidecars=status.count_sidecars(session),
        )


@router.get("/failures")
def find_failures(
    request: Request, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000
) -> FailuresShape:
    """Return what could not be tagged, each with its reason."""
    with context.of(request).database.read() as session:
        found = status.find_failures(session, limit=limit)
    return FailuresShape(items=[FailureShape.model_validate(each) for each in found])


@router.post("/retry", dependencies=[Depends(guard.require_admin)])
def retry(request: Request, body: RetryShape) -> RetriedShape:
    """Try quarantined photos again; a worker takes them at its next sweep."""
    with context.of(request).database.write() as session:
        retried = lifecycle.retry(session, body.photos, now=datetime.now(UTC))
    return RetriedShape(photos=len(retried))


@router.post("/scan", status_code=202, dependencies=[Depends(guard.require_admin)])
def scan(request: Request) -> AcceptedShape:
    """Compare the folders with the catalogue now."""
    web = context.of(request)
    with web.database.write() as session:
        job = jobs.add(session, running.SCAN, {}, now=datetime.now(UTC))
    web.jobs.wake()
    return AcceptedShape(job=job)


@router.get("/jobs/{job}")
def get_job(request: Request, job: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]) -> JobShape:
    """Return how far a job is."""
    with context.of(request).database.read() as session:
        found = jobs.get(session, job)
        return JobShape(
            id=found.id,
            kind=found.kind,
            state=found.state,
            detail=found.failure,
            result=found.result,
            created_at=found.created_at,
        )
