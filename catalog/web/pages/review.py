"""The review of machine keywords: one keyword with its undecided photos, or one photo."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse

from catalog import paths, query
from catalog.db.tables import Source
from catalog.errors import NotFoundError, QueryError
from catalog.language import chips
from catalog.query import hits
from catalog.query.pages import Position
from catalog.tags import bands, browse, labels, review, threshold
from catalog.web import context
from catalog.web.context import Web
from catalog.web.pages import frame
from catalog.web.pages.photo import words_of
from catalog.web.texts import Texts

#: Photos that a page of a keyword begins with; the module loads more.
_TILES = 120
_WORDS = 60

router = APIRouter(default_response_class=HTMLResponse)


@dataclass(frozen=True, slots=True)
class _Tile:
    """An undecided photo."""

    id: int
    sha: str
    label: str
    confidence: float


@router.get("/review")
def by_keyword(
    request: Request,
    word: Annotated[str, Query(max_length=200)] = "",
    low: Annotated[float | None, Query(alias="from", ge=0, le=1)] = None,
    high: Annotated[float | None, Query(alias="to", ge=0, le=1)] = None,
) -> HTMLResponse:
    """Show a keyword's undecided photos, or which keyword gains most from a review."""
    t = frame.texts_of(request)
    web = context.of(request)
    with web.database.read() as session:
        if not word:
            return _show_words(request, web, session, t)
        try:
            tag_id = browse.find_tag_id(session, word)
            found = review.find_undecided(session, tag_id, low=low, high=high, limit=_TILES)
        except (NotFoundError, QueryError) as error:
            return frame.problem(request, 404, str(error))
        name = browse.get_keyword(session, tag_id).name
        tiles = _tiles(session, t, found)
        progress = review.get_progress(session, tag_id)
        label = labels.find_labels(session, [name], t.language)[name]
        right = bands.find_bands(session, tag_id)
    return frame.render(
        request,
        "review.html",
        here="review",
        word=name,
        label=label,
        word_href="/" + frame.suffix(q=chips.quote(name)),
        progress=progress,
        bands=right,
        tiles=tiles,
        next=found.next_cursor,
        from_="" if low is None else low,
        to="" if high is None else high,
    )


def _tiles(session: Session, t: Texts, found: review.UndecidedPage) -> list[_Tile]:
    places = [Position(each.confidence, each.photo_id) for each in found.items]
    tiles = []
    for hit in hits.load(session, places):
        name = paths.printable(paths.to_text(hit.path.name)) if hit.path else ""
        sure = hit.relevance or 0.0
        label = f"{name}, {t.percent(sure)}" if name else t.percent(sure)
        tiles.append(_Tile(hit.photo_id, hit.sha256.hex(), label, round(sure, 4)))
    return tiles


def _show_words(request: Request, web: Web, session: Session, t: Texts) -> HTMLResponse:
    key = f"review words {_WORDS}"
    found = web.kept.get(session, key, lambda: review.find_words(session, limit=_WORDS))
    called = labels.find_labels(session, [each.name for each in found], t.language)
    words = [
        {
            "label": called[each.name],
            "href": "/review" + frame.suffix(word=each.name),
            "undecided": each.undecided,
            "photos": each.progress.photos,
            "decided": each.progress.decided,
            "precision": each.progress.precision,
        }
        for each in found
    ]
    return frame.render(request, "review.html", here="review", word="", words=words)


@router.get("/review/photo")
def by_photo(request: Request, after: int | None = None) -> HTMLResponse:
    """Show one photo with the keywords that nobody decided about."""
    t = frame.texts_of(request)
    with context.of(request).database.read() as session:
        photo_id = review.find_photo(session, before=after)
        if photo_id is None:
            return frame.render(request, "review_photo.html", here="review", photo=None)
        detail = query.get_photo(session, photo_id)
        least = threshold.choose()
        waiting = tuple(
            each
            for each in detail.keywords
            if each.decision is None and each.source == Source.CLIP and each.confidence >= least
        )
        keywords = words_of(session, t, waiting)
    return frame.render(
        request,
        "review_photo.html",
        here="review",
        photo={"id": photo_id, "sha": detail.photo.sha256.hex()},
        keywords=keywords,
        self_url=f"/review/photo{frame.suffix(after=after)}",
        onward=f"/review/photo?after={photo_id}",
    )
