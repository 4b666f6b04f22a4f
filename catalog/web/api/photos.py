"""Routes that find photos: pages of a search."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from catalog import query
from catalog.query import Hit, Sort
from catalog.tags import completion
from catalog.web import context

router = APIRouter(tags=["photos"])


class KeywordOfHit(BaseModel):
    """A keyword on a photo of a list."""

    name: str
    confidence: float
    source: str
    decision: str | None


class HitShape(BaseModel):
    """A photo in a list."""

    id: int
    sha256: str
    width: int | None
    height: int | None
    thumbhash: str | None
    taken_at: datetime | None
    relevance: float | None
    keywords: list[KeywordOfHit]
    #: The name of its file, to be shown.
    file: str | None


class Unknown(BaseModel):
    """A word of the query that no keyword has, and keywords that are spelt alike."""

    word: str
    suggestions: list[str]


class PhotoPage(BaseModel):
    """A page of photos."""

    items: list[HitShape]
    #: To be given as `after`; null on the last page.
    next: str | None
    unknown: list[Unknown]


def shape(hit: Hit) -> HitShape:
    """Return a photo of a list as the API shows it."""
    return HitShape(
        id=hit.photo_id,
        sha256=hit.sha256.hex(),
        width=hit.width,
        height=hit.height,
        thumbhash=None,
        taken_at=hit.taken_at,
        relevance=hit.relevance,
        keywords=[
            KeywordOfHit(
                name=each.name,
                confidence=each.confidence,
                source=each.source,
                decision=each.decision,
            )
            for each in hit.keywords
        ],
        file=None if hit.path is None else hit.path.name,
    )


@router.get("/photos")
def find_photos(
    request: Request,
    q: Annotated[str, Query(max_length=2000)] = "",
    sort: Sort = Sort.RELEVANCE,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: str | None = None,
) -> PhotoPage:
    """Return a page of photos."""
    with context.of(request).database.read() as session:
        page = query.search(session, q, sort=sort, limit=limit, after=after)
        unknown = [
            Unknown(word=word, suggestions=completion.suggest(session, word))
            for word in page.unknown
        ]
    return PhotoPage(
        items=[shape(hit) for hit in page.hits], next=page.next_cursor, unknown=unknown
    )
