"""Routes for a grid by date: months of a search, the photos of one, and names of photos."""

import base64
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel

from catalog import query
from catalog.query import hits, timeline
from catalog.query.pages import Position
from catalog.tags import labels
from catalog.web import context, preferences

#: Photos named at a time, and digits of an id that a database takes.
_MOST_IDS, _DIGITS = 500, 18

router = APIRouter(tags=["photos"])


class MonthShape(BaseModel):
    """Photos of one month."""

    #: `2013-05`; null for photos without a date.
    month: str | None
    photos: int
    #: Sum of their ratios, width by height.
    ratios: float


class Timeline(BaseModel):
    """Months of a search, the newest first; those without a date last."""

    months: list[MonthShape]


class Columns(BaseModel):
    """Photos of a month, the newest first: one list a column, since there may be many."""

    id: list[int]
    #: Width by height.
    ratio: list[float]
    #: Hexadecimal.
    sha256: list[str]
    #: Thumbhash in base64, or null.
    hash: list[str | None]


class Label(BaseModel):
    """What a photo is called."""

    id: int
    #: Keywords in the person's language, the surest first.
    keywords: list[str]
    taken_at: datetime | None


class Labels(BaseModel):
    """Names of photos."""

    items: list[Label]


@router.get("/timeline")
def get_timeline(request: Request, q: Annotated[str, Query(max_length=4000)] = "") -> Timeline:
    """Return the months of a search with the number of photos of each."""
    with context.of(request).database.read() as session:
        months = timeline.find_months(query.prepare(session, q))
    return Timeline(
        months=[
            MonthShape(month=each.month, photos=each.photos, ratios=each.ratios) for each in months
        ]
    )


@router.get("/timeline/{month}")
def get_month(
    request: Request, month: str, q: Annotated[str, Query(max_length=4000)] = ""
) -> Columns:
    """Return the photos of a month, such as `2013-05`, or of `none`, as columns."""
    with context.of(request).database.read() as session:
        try:
            wanted = None if month == "none" else month
            shown = timeline.find_shown(query.prepare(session, q), wanted)
        except ValueError as error:
            message = f"{month!r} is not a month; write 2013-05, or none"
            raise HTTPException(404, message) from error
    return Columns(
        id=[each.photo_id for each in shown],
        ratio=[each.ratio for each in shown],
        sha256=[each.sha256.hex() for each in shown],
        hash=[
            base64.b64encode(each.thumbhash).decode() if each.thumbhash else None for each in shown
        ],
    )


@router.get("/photos/labels")
def get_labels(
    request: Request, ids: Annotated[str, Query(max_length=9_500, pattern=r"^[0-9,]+$")]
) -> Labels:
    """Return what up to 500 photos are called, for people who do not see them."""
    wanted = [int(each) for each in ids.split(",") if 0 < len(each) <= _DIGITS][:_MOST_IDS]
    with context.of(request).database.read() as session:
        found = hits.load(session, [Position(None, each) for each in wanted])
        names = {word.name for hit in found for word in hit.keywords}
        called = labels.find_labels(session, names, preferences.language_of(request))
    return Labels(
        items=[
            Label(
                id=hit.photo_id,
                keywords=[called[word.name] for word in hit.keywords],
                taken_at=hit.taken_at,
            )
            for hit in found
        ]
    )
