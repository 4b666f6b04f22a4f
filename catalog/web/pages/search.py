"""The page of a search, and of photos that look like one or like a text."""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse, RedirectResponse, Response

from catalog import paths, query
from catalog.errors import CatalogError, QueryError
from catalog.language import chips
from catalog.query import Page, Prepared, Sort, hits
from catalog.query.pages import Position
from catalog.requests import pins
from catalog.requests.pins import Pin
from catalog.tags import completion
from catalog.web import alike, context
from catalog.web.context import Web
from catalog.web.pages import frame
from catalog.web.texts import Texts

#: Photos of a page: enough for a wide screen.
PAGE = 60
#: Photos of a search by meaning, and of those that look like a photo.
ALIKE = 200
#: Larger numbers of photos are counted after the page is shown.
_COUNTED = 1000
#: What is marked in a wrong query: the word at its place, else one character.
_WORD = re.compile(r"[^\s()]+")

router = APIRouter(default_response_class=HTMLResponse)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a page of a search was asked for."""

    q: str
    by: Literal["", "meaning"]
    sort: Sort
    after: str | None
    fold: bool
    facets: bool
    nearest: bool

    @property
    def suffix(self) -> str:
        """The search, for the addresses of its photos."""
        sort = "" if self.sort is _usual_sort(self.q) else self.sort.value
        return frame.suffix(q=self.q, by=self.by, sort=sort, fold="1" if self.fold else "")

    @property
    def pin(self) -> Pin:
        """The search as it is pinned."""
        sort = "" if self.sort is _usual_sort(self.q) else self.sort.value
        return Pin(self.q, self.by, sort)

    @property
    def mode(self) -> str:
        """How the grid goes on: by months, by pages, or not at all."""
        if self.by:
            return "fixed"
        is_by_date = self.sort in {Sort.TAKEN, Sort.OLDEST} and not self.fold and not self.after
        return "date" if is_by_date else "pages"


def _usual_sort(q: str) -> Sort:
    return Sort.RELEVANCE if q.strip() else Sort.TAKEN


def sort_of(q: str, sort: str) -> Sort:
    """Return the order of a search; by relevance if it has words, else the newest first."""
    return Sort(sort) if sort in set(Sort) else _usual_sort(q)


@router.get("/")
def search(
    request: Request,
    q: Annotated[str, Query(max_length=4000)] = "",
    by: str = "",
    sort: str = "",
    after: str | None = None,
    fold: str = "",
    facets: str = "",
    nearest: str = "",  # noqa: ARG001 - read by `_asked`, listed so that its name is documented
) -> HTMLResponse:
    """Show the photos of a search."""
    is_by_meaning = by == "meaning" and bool(q.strip())
    asked = _Asked(
        q=q.strip(),
        by="meaning" if is_by_meaning else "",
        sort=sort_of(q, sort),
        after=after or None,
        fold=fold == "1",
        facets=facets == "1",
        nearest=request.query_params.get("nearest") == "1",
    )
    web, t = context.of(request), frame.texts_of(request)
    with web.database.read() as session:
        try:
            values = _like(web, session, t, asked) if asked.by else _find(web, session, t, asked)
            values["pins"] = pins.find_all(session)
        except QueryError as error:
            wrong = _explain(t, error, asked.q)
            return _page(request, asked, status_code=400, error=wrong)
        except CatalogError as error:
            wrong = {"message": frame.sentence(t, str(error)), "marked": False}
            return _page(request, asked, status_code=409, error=wrong)
    return _page(request, asked, **values)


def _page(
    request: Request, asked: _Asked, *, status_code: int = 200, **values: object
) -> HTMLResponse:
    return frame.render(
        request,
        "search.html",
        here="photos",
        status_code=status_code,
        **{
            "error": None,
            "pins": [],
            "pin": asked.pin,
            "pin_href": lambda each: "/" + frame.suffix(q=each.q, by=each.by, sort=each.sort),
            "q": asked.q,
            "by": asked.by,
            "sort": asked.sort.value,
            "sorts": [each.value for each in Sort if asked.q or each is not Sort.RELEVANCE],
            "fold": asked.fold,
            "mode": asked.mode,
            "suffix": asked.suffix,
            "is_later": asked.after is not None,
            "is_live": not asked.by,
            "path": "/photos",
        }
        | values,
    )


def _find(web: Web, session: Session, t: Texts, asked: _Asked) -> dict[str, Any]:
    found = query.prepare(session, asked.q)
    page = found.page(sort=asked.sort, limit=PAGE, after=asked.after)
    folded = alike.fold(web, session, page.hits) if asked.fold else {}
    shown = [hit for hit in page.hits if not asked.fold or hit.photo_id in folded]
    number = found.count(cap=_COUNTED + 1)
    is_counted = number <= _COUNTED
    return {
        "tiles": frame.tiles(session, t, shown, folded),
        "next": page.next_cursor,
        "params": json.dumps(
            {"q": asked.q, "sort": asked.sort.value, "fold": "true" if asked.fold else ""}
        ),
        "found": t("js.photos", n=number) if is_counted else t("search.over", n=_COUNTED),
        "counted": "now" if is_counted else "later",
        "total": number if is_counted else 0,
        "chips": chips.split(asked.q),
        "unknown": _unknown(session, page, asked.q),
        "base": chips.bracketed(asked.q),
        "facets": _facets(found, asked.q) if asked.facets else [],
    }


def _unknown(session: Session, page: Page, q: str) -> list[tuple[str, list[dict[str, str]]]]:
    found = []
    for word in page.unknown:
        near = completion.suggest(session, word)
        found.append((word, [{"word": each, "query": _instead(q, word, each)} for each in near]))
    return found


def _instead(q: str, word: str, better: str) -> str:
    written = chips.quote(better)
    quoted = f'"{word}"'
    return q.replace(quoted, written) if quoted in q else q.replace(word, written)


def _facets(found: Prepared, q: str) -> list[tuple[str, list[dict[str, Any]]]]:
    counted = found.facets(limit=14)
    parts = {
        "keywords": (counted.keywords, chips.quote),
        "years": (counted.years, lambda value: f"taken:{value}"),
        "cameras": (counted.cameras, lambda value: f"camera:{chips.quote(value)}"),
        "formats": (counted.formats, lambda value: f"format:{chips.quote(value)}"),
    }
    asked = {chip.text.casefold() for chip in chips.split(q)}
    shown = []
    for kind, (values, write) in parts.items():
        narrower = [
            each
            for each in values
            if each.photos < counted.photos and write(each.value).casefold() not in asked
        ]
        entries = [
            {
                "value": each.value,
                "photos": each.photos,
                "query": chips.narrow(q, write(each.value)),
            }
            for each in narrower
        ]
        shown += [(kind, entries)] if entries else []
    return shown


def _like(web: Web, session: Session, t: Texts, asked: _Asked) -> dict[str, Any]:
    matches = alike.find_like(web, session, asked.q, limit=ALIKE, cut=not asked.nearest)
    places = [Position(match.similarity, match.photo_id) for match in matches]
    found = frame.tiles(session, t, hits.load(session, places))
    return {
        "tiles": found,
        "next": None,
        "params": "{}",
        "found": t("js.photos", n=len(found)),
        "counted": "now",
        "total": len(found),
        "chips": [],
        "unknown": [],
        "base": "",
        "facets": [],
    }


def _explain(t: Texts, error: QueryError, q: str) -> dict[str, Any]:
    at, message = error.position, str(error)
    if at is None:
        return {"message": frame.sentence(t, message), "marked": False}
    word = _WORD.match(q, at)
    end = at + 1 if word is None else word.end()
    return {
        "message": frame.sentence(  # the mark says where
            t, message.removeprefix(f"character {at + 1}: ")
        ),
        "marked": True,
        "before": q[:at],
        "at": q[at:end].strip() or "\N{HORIZONTAL ELLIPSIS}",
        "after": q[end:],
    }


@router.post("/pins")
def pin(
    request: Request,
    q: Annotated[str, Form(max_length=4000)],
    by: Annotated[Literal["", "meaning"], Form()] = "",
    sort: Annotated[str, Form(max_length=20)] = "",
    action: Annotated[Literal["add", "remove"], Form()] = "add",
    form_token: Annotated[str, Form()] = "",
) -> Response:
    """Pin a search, or pin it no longer."""
    context.require_form_token(request, form_token)
    wanted = Pin(q.strip(), by, sort if sort in set(Sort) else "")
    with context.of(request).database.write() as session:
        (pins.add if action == "add" else pins.remove)(session, wanted)
    return RedirectResponse("/" + frame.suffix(q=wanted.q, by=by, sort=wanted.sort), 303)


@router.get("/photo/{photo_id}/similar")
def similar(request: Request, photo_id: int) -> HTMLResponse:
    """Show the photos that look like one."""
    t = frame.texts_of(request)
    web = context.of(request)
    with web.database.read() as session:
        try:
            matches = alike.find_like(web, session, photo_id, limit=ALIKE)
        except CatalogError as error:
            return frame.problem(request, 404, str(error))
        own = hits.load(session, [Position(None, photo_id)])
        places = [Position(match.similarity, match.photo_id) for match in matches]
        found = frame.tiles(session, t, [*own, *hits.load(session, places)])
    path = own[0].path if own else None
    name = paths.printable(paths.to_text(path.name)) if path else t("photo.of", n=photo_id)
    return frame.render(
        request,
        "photos.html",
        here="photos",
        title=t("photos.similar_to", name=name),
        back=f"/photo/{photo_id}",
        back_text=t("photo.of", n=photo_id),
        tiles=found,
        found=t("js.photos", n=len(found)),
        total=len(found),
        mode="fixed",
        path="",
        next=None,
        next_page=None,
        suffix=frame.suffix(like=photo_id),
    )
