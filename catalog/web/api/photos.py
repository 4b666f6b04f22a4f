"""Routes that find photos and tell what is known of one."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.orm import Session

from catalog import query
from catalog.query import Sort, hits, photo
from catalog.query import timeline as timelines
from catalog.query.pages import Position
from catalog.web import alike, context, versions
from catalog.web.api import shapes
from catalog.web.api.shapes import (
    Cursor,
    Limit,
    PhotoPage,
    QueryText,
    Shape,
    shape_hash,
    shape_hits,
    shape_path,
    shape_unknown,
)

router = APIRouter(tags=["photos"])

Id = Annotated[int, Path(ge=1, le=10**18)]
_MAX_LABELS = 500


class Counted(Shape):
    """How many photos a query finds."""

    photos: int
    exact: bool = True


class FacetShape(Shape):
    """A value and the number of photos that have it."""

    value: str
    label: str
    photos: int


class FacetsShape(Shape):
    """The most frequent values of each kind."""

    keywords: list[FacetShape]
    years: list[FacetShape]
    cameras: list[FacetShape]
    formats: list[FacetShape]
    #: Otherwise estimated from a sample.
    exact: bool
    #: The photos of the query, as exact as the other numbers.
    photos: int


class MonthShape(Shape):
    """The photos of a query that were taken in a month."""

    #: `2013-05`; null for photos without a date.
    month: str | None
    photos: int
    #: The sum of their widths by heights.
    ratios: float


class TimelineShape(Shape):
    """The months of a query, the newest first."""

    months: list[MonthShape]


class ColumnsShape(Shape):
    """The photos of a month, the newest first, as columns."""

    id: list[int]
    ratio: list[float]
    sha256: list[str]
    hash: list[str | None]


class LabelShape(Shape):
    """What a photo is called where nobody sees it."""

    id: int
    taken_at: datetime | None
    keywords: list[str]


class LabelsShape(Shape):
    """Names of photos."""

    items: list[LabelShape]


class KeywordShape(Shape):
    """A keyword on a photo, with its scores."""

    name: str
    label: str
    confidence: float
    score: float | None
    similarity: float | None
    source: str
    decision: str | None


class FileShape(Shape):
    """A file of a photo."""

    path: str
    size_bytes: int
    missing_since: datetime | None


class PhotoShape(Shape):
    """All that is known of a photo."""

    id: int
    sha256: str
    width: int | None
    height: int | None
    thumbhash: str | None
    size_bytes: int
    format: str | None
    taken_at: datetime | None
    camera: str | None
    latitude: float | None
    longitude: float | None
    state: str
    failure: str | None
    added_at: datetime
    tagged_at: datetime | None
    missing_since: datetime | None
    keywords: list[KeywordShape]
    files: list[FileShape]


class EventShape(Shape):
    """An entry of a photo's history."""

    at: datetime
    kind: str
    detail: dict[str, Any] | None


class HistoryShape(Shape):
    """A photo's history, the oldest first."""

    items: list[EventShape]


@router.get("/photos")
def find_photos(
    request: Request,
    q: QueryText = "",
    *,
    sort: Sort = Sort.RELEVANCE,
    limit: Limit = 100,
    after: Cursor = None,
    fold: bool = False,
) -> PhotoPage:
    """Return a page of photos; no photo is on two pages, even if others arrive in between."""
    web = context.of(request)
    with web.database.read() as session:
        page = query.search(session, q, sort=sort, limit=limit, after=after)
        folded = alike.fold(web, session, page.hits) if fold else None
        shown = [hit for hit in page.hits if folded is None or hit.photo_id in folded]
        items = shape_hits(request, session, shown, folded)
        unknown = shape_unknown(session, page.unknown)
    return PhotoPage(items=items, next=page.next_cursor, unknown=unknown)


@router.get("/photos/count")
def count_photos(request: Request, response: Response, q: QueryText = "") -> Counted:
    """Return how many photos a query finds."""
    web = context.of(request)
    with web.database.read() as session:
        response.headers["ETag"] = versions.etag(session, "count", q)
        return web.kept.get(session, f"count {q}", lambda: _count(session, q))


def _count(session: Session, q: str) -> Counted:
    return Counted(photos=query.count(session, q))


@router.get("/photos/labels")
def find_labels(
    request: Request,
    ids: Annotated[str, Query(pattern=r"^\d{1,18}(,\d{1,18})*$", max_length=12_000)],
) -> LabelsShape:
    """Return the keywords of photos, for people who do not see them."""
    wanted = [int(each) for each in ids.split(",")[:_MAX_LABELS]]
    with context.of(request).database.read() as session:
        found = hits.load(session, [Position(None, each) for each in wanted])
        names = (word.name for hit in found for word in hit.keywords)
        called = shapes.find_labels(request, session, names)
    items = [
        LabelShape(
            id=hit.photo_id,
            taken_at=hit.taken_at,
            keywords=[called[each.name] for each in hit.keywords],
        )
        for hit in found
    ]
    return LabelsShape(items=items)


@router.get("/facets")
def find_facets(request: Request, response: Response, q: QueryText = "") -> FacetsShape:
    """Return the most frequent keywords, years, cameras and formats among the photos."""
    web = context.of(request)
    with web.database.read() as session:
        response.headers["ETag"] = versions.etag(session, "facets", q)
        found = web.kept.get(session, f"facets {q}", lambda: _facets(session, q))
        called = shapes.find_labels(request, session, (each.value for each in found.keywords))
    words = [each.model_copy(update={"label": called[each.value]}) for each in found.keywords]
    return found.model_copy(update={"keywords": words})


def _facets(session: Session, q: str) -> FacetsShape:
    found = query.prepare(session, q).facets()
    kinds = {
        name: [
            FacetShape(value=each.value, label=each.value, photos=each.photos)
            for each in getattr(found, name)
        ]
        for name in ("keywords", "years", "cameras", "formats")
    }
    return FacetsShape(**kinds, exact=found.is_exact, photos=found.photos)


@router.get("/timeline")
def find_months(request: Request, response: Response, q: QueryText = "") -> TimelineShape:
    """Return the months of a query with their number of photos."""
    web = context.of(request)
    with web.database.read() as session:
        has_words = bool(q.strip())
        version = versions.version_of if has_words else web.kept.version_without_words
        response.headers["ETag"] = versions.etag_of(version(session), "timeline", q)
        return web.kept.get(
            session, f"timeline {q}", lambda: _months(session, q), has_words=has_words
        )


def _months(session: Session, q: str) -> TimelineShape:
    found = timelines.find_months(query.prepare(session, q))
    return TimelineShape(months=[MonthShape.model_validate(each) for each in found])


@router.get("/timeline/{month}")
def load_month(
    request: Request,
    month: Annotated[str, Path(pattern=r"^(\d{4}-\d{2}|none)$")],
    q: QueryText = "",
) -> ColumnsShape:
    """Return the photos of a month, or of no month (`none`)."""
    with context.of(request).database.read() as session:
        found = timelines.find_shown(query.prepare(session, q), None if month == "none" else month)
    return ColumnsShape(
        id=[each.photo_id for each in found],
        ratio=[each.ratio for each in found],
        sha256=[each.sha256.hex() for each in found],
        hash=[shape_hash(each.thumbhash) for each in found],
    )


@router.get("/photos/{photo_id}")
def get_photo(request: Request, photo_id: Id) -> PhotoShape:
    """Return all that is known of a photo."""
    with context.of(request).database.read() as session:
        found = photo.get_photo_by_id(session, photo_id)
        called = shapes.find_labels(request, session, (each.name for each in found.keywords))
    row = found.photo
    names = [name for name in PhotoShape.model_fields if hasattr(row, name)]
    values = {name: getattr(row, name) for name in names}
    values |= {"sha256": row.sha256.hex(), "thumbhash": shape_hash(row.thumbhash)}
    return PhotoShape(
        **values,
        keywords=[
            KeywordShape(
                name=each.name,
                label=called[each.name],
                confidence=round(each.confidence, 4),
                score=each.score,
                similarity=each.similarity,
                source=each.source,
                decision=each.decision,
            )
            for each in found.keywords
        ],
        files=[
            FileShape(
                path=shape_path(each.path),
                size_bytes=each.size_bytes,
                missing_since=each.missing_since,
            )
            for each in found.files
        ],
    )


@router.get("/photos/{photo_id}/similar")
def find_similar(
    request: Request,
    photo_id: Id,
    q: QueryText = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    *,
    cut: bool = True,
) -> PhotoPage:
    """Return photos that look like a photo, most alike first; `relevance` is the similarity."""
    web = context.of(request)
    with web.database.read() as session:
        photo.get_photo_by_id(session, photo_id)
        found = alike.find_like(web, session, photo_id, within=q, limit=limit, cut=cut)
        places = [Position(each.similarity, each.photo_id) for each in found]
        return PhotoPage(items=shape_hits(request, session, hits.load(session, places)), next=None)


@router.get("/meaning")
def find_by_meaning(
    request: Request,
    text: Annotated[str, Query(min_length=1, max_length=500), shapes.Storable],
    q: QueryText = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    *,
    cut: bool = True,
) -> PhotoPage:
    """Return photos that look like a text, most alike first; `cut=false` shows the nearest anyway.

    The first search starts the encoder, which takes seconds.
    """
    web = context.of(request)
    with web.database.read() as session:
        found = alike.find_like(web, session, text, within=q, limit=limit, cut=cut)
        places = [Position(each.similarity, each.photo_id) for each in found]
        return PhotoPage(items=shape_hits(request, session, hits.load(session, places)), next=None)


@router.get("/photos/{photo_id}/history")
def get_history(request: Request, photo_id: Id) -> HistoryShape:
    """Return what happened to a photo."""
    with context.of(request).database.read() as session:
        found = photo.get_photo_by_id(session, photo_id)
    return HistoryShape(items=[EventShape.model_validate(each) for each in found.history])
