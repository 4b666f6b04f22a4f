"""Groups of photos: by shared keywords, by occasion, nearly alike; and the photos of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Form, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse, RedirectResponse, Response

from catalog.errors import CatalogError, NotFoundError
from catalog.query import hits
from catalog.query.pages import Position
from catalog.web import context
from catalog.web.context import Web
from catalog.web.pages import frame

if TYPE_CHECKING:
    from catalog.groups.kinds import PhotoGroup

By = Literal["tags", "events", "alike"]
PageNumber = Annotated[int, Query(ge=0, le=10**5)]
_PAGE = 48
_COVERS = 4
_PHOTOS = 100

router = APIRouter(default_response_class=HTMLResponse)


@dataclass(frozen=True, slots=True)
class _Card:
    """A group as the page shows it."""

    number: int
    name: str
    photos: int
    #: sha256 of up to four photos.
    covers: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Listed:
    """A group without its covers; `ids` are known of occasions and near duplicates."""

    number: int
    name: str
    photos: int
    ids: tuple[int, ...]


@router.get("/groups")
def groups(request: Request, by: By = "tags", page: PageNumber = 0) -> HTMLResponse:
    """Show the groups of one kind."""
    web = context.of(request)
    problem, cards, is_more, t = "", [], False, frame.texts_of(request)
    try:
        with web.database.read() as session:
            found = _find(web, session, by)
            shown = found[page * _PAGE : (page + 1) * _PAGE]
            is_more = len(found) > (page + 1) * _PAGE
            cards = [_card(web, session, by, each) for each in shown]
    except CatalogError as error:
        problem = frame.sentence(t, str(error))
    return frame.render(
        request,
        "groups.html",
        here="groups",
        by=by,
        groups=cards,
        problem=problem,
        next_page=f"/groups{frame.suffix(by=by, page=page + 1)}" if is_more else None,
    )


def _find(web: Web, session: Session, by: By) -> list[_Listed]:
    from catalog.groups import kinds  # noqa: PLC0415 - brings SciPy, for groups alone

    if by == "tags":
        grouping = kinds.find_keyword_groups(session)
        return [_Listed(each.number, each.name, each.photos, ()) for each in grouping.groups]
    others = kinds.find_others(session, by, cache_dir=web.settings.cache_dir)
    listed = [
        _Listed(each.number, _title(by, each.name), len(each.photo_ids), each.photo_ids)
        for each in others
    ]
    return listed[::-1] if by == "events" else listed


def _title(by: By, name: str) -> str:
    """Return a group's name; of the path that names photos nearly alike, its file name."""
    return PurePath(name).name if by == "alike" else name


def _card(web: Web, session: Session, by: By, each: _Listed) -> _Card:
    ids = each.ids or _group(web, session, by, each.number).photo_ids
    covers = hits.load(session, [Position(None, photo_id) for photo_id in ids[:_COVERS]])
    return _Card(each.number, each.name, each.photos, [hit.sha256.hex() for hit in covers])


def _group(web: Web, session: Session, by: By, number: int) -> "PhotoGroup":
    from catalog.groups import kinds  # noqa: PLC0415 - brings SciPy, for groups alone

    return kinds.get_group(session, number, kind=by, cache_dir=web.settings.cache_dir)


@router.get("/groups/{number}")
def group(request: Request, number: int, by: By = "tags", page: PageNumber = 0) -> HTMLResponse:
    """Show the photos of a group, those that fit best first."""
    web, t = context.of(request), frame.texts_of(request)
    with web.database.read() as session:
        try:
            found = _group(web, session, by, number)
        except NotFoundError as error:
            return frame.problem(request, 404, str(error))
        ids = found.photo_ids[page * _PHOTOS : (page + 1) * _PHOTOS]
        tiles = frame.tiles(session, t, hits.load(session, [Position(None, each) for each in ids]))
    is_more = len(found.photo_ids) > (page + 1) * _PHOTOS
    return frame.render(
        request,
        "photos.html",
        here="groups",
        title=_title(by, found.name),
        back=f"/groups?by={by}",
        back_text=t("groups.back"),
        tiles=tiles,
        found=t("js.photos", n=len(found.photo_ids)),
        total=len(found.photo_ids),
        mode="pages",
        path=f"/groups/{number}/photos",
        params={"by": by},
        next=str(ids[-1]) if is_more and ids else None,
        next_page=f"/groups/{number}{frame.suffix(by=by, page=page + 1)}" if is_more else None,
        suffix=frame.suffix(group=f"{by}-{number}"),
    )


@router.post("/groups/refresh")
def refresh(request: Request, form_token: Annotated[str, Form()] = "") -> Response:
    """Make the groups by keywords anew."""
    from catalog.groups import kinds  # noqa: PLC0415 - brings SciPy, for groups alone

    context.require_form_token(request, form_token)
    try:
        with context.of(request).database.read() as session:
            kinds.find_keyword_groups(session, refresh=True)
    except CatalogError as error:
        return frame.problem(request, 409, str(error))
    return RedirectResponse("/groups", status_code=303)
