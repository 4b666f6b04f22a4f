"""Routes about groups: shared keywords, occasions, near duplicates."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from catalog.query import hits
from catalog.query.pages import Position
from catalog.requests import jobs
from catalog.web import context, guard
from catalog.web import jobs as running
from catalog.web.api.decisions import AcceptedShape
from catalog.web.api.shapes import PhotoPage, QueryText, Shape, shape_hits

router = APIRouter(tags=["groups"])

By = Literal["tags", "events", "alike"]


class SharedShape(Shape):
    """A keyword that photos of a group share."""

    name: str
    photos: int
    share: float


class GroupShape(Shape):
    """A group of photos."""

    number: int
    name: str
    photos: int
    #: Only of groups by keywords: the most distinctive first.
    shares: list[SharedShape] = Field(default_factory=list)
    #: Only of occasions and near duplicates: its first photos.
    covers: list[int] = Field(default_factory=list)


class GroupsShape(Shape):
    """Groups, the largest first; occasions the oldest first."""

    items: list[GroupShape]
    total: int
    #: Photos in no group; null where that is not counted.
    ungrouped: int | None


@router.get("/groups")
def find_groups(
    request: Request,
    q: QueryText = "",
    by: By = "tags",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**6)] = 0,
) -> GroupsShape:
    """Return groups of the photos of a query."""
    web = context.of(request)
    with web.database.read() as session:
        whole = web.kept.get(session, f"groups {by} {q}", lambda: _find(web, session, by, q))
    shown = whole.items[offset : offset + limit]
    return GroupsShape(items=shown, total=whole.total, ungrouped=whole.ungrouped)


def _find(web: context.Web, session: Session, by: By, q: str) -> GroupsShape:
    from catalog.groups import kinds  # noqa: PLC0415 - brings SciPy, for groups alone

    if by == "tags":
        found = kinds.find_keyword_groups(session, within=q)
        items = [
            GroupShape(
                number=each.number,
                name=each.name,
                photos=each.photos,
                shares=[SharedShape.model_validate(tag) for tag in each.tags],
            )
            for each in found.groups
        ]
        return GroupsShape(items=items, total=len(items), ungrouped=found.ungrouped)
    others = kinds.find_others(session, by, within=q, cache_dir=web.settings.cache_dir)
    items = [
        GroupShape(
            number=each.number,
            name=each.name,
            photos=len(each.photo_ids),
            covers=list(each.photo_ids[:4]),
        )
        for each in others
    ]
    return GroupsShape(items=items, total=len(items), ungrouped=None)


@router.get("/groups/{number}/photos")
def find_photos(
    request: Request,
    number: Annotated[int, Path(ge=1, le=10**9)],
    q: QueryText = "",
    by: By = "tags",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[int | None, Query(ge=1, le=10**18)] = None,
) -> PhotoPage:
    """Return the photos of a group, those that fit best first; `relevance` is how well."""
    from catalog.groups import kinds  # noqa: PLC0415 - brings SciPy, for groups alone

    web = context.of(request)
    with web.database.read() as session:
        cache_dir = web.settings.cache_dir
        found = web.kept.get(
            session,
            f"group {by} {number} {q}",
            lambda: kinds.get_group(session, number, kind=by, within=q, cache_dir=cache_dir),
        )
        ids = list(found.photo_ids)
        begin = ids.index(after) + 1 if after in ids else 0
        shown = [
            Position(share, photo_id) for photo_id, share in zip(ids, found.shares, strict=True)
        ][begin : begin + limit]
        items = shape_hits(request, session, hits.load(session, shown))
    more = str(shown[-1].photo_id) if begin + limit < len(ids) and shown else None
    return PhotoPage(items=items, next=more)


@router.post("/groups/refresh", status_code=202, dependencies=[Depends(guard.require_decide)])
def refresh(request: Request, response: Response) -> AcceptedShape:
    """Make the groups by keywords anew, with new numbers and names."""
    web = context.of(request)
    with web.database.write() as session:
        job = jobs.add(session, running.GROUPS, {}, now=datetime.now(UTC))
    web.jobs.wake()
    response.headers["Location"] = f"/api/v1/jobs/{job}"
    return AcceptedShape(job=job)
