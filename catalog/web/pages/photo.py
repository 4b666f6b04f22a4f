"""The page of one photo: the picture, its keywords and decisions, facts, files, history."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse, RedirectResponse, Response

from catalog import paths, query
from catalog.db.tables import Decision, Photo
from catalog.errors import CatalogError, NotFoundError, QueryError
from catalog.language import chips
from catalog.query import PhotoDetail, hits, neighbours
from catalog.query.pages import Position
from catalog.query.photo import EventDetail, KeywordDetail
from catalog.tags import decisions, labels, threshold
from catalog.web import alike, context
from catalog.web.context import Web
from catalog.web.pages import frame
from catalog.web.pages.search import sort_of
from catalog.web.texts import Texts

_SIMILAR = 8

router = APIRouter(default_response_class=HTMLResponse)


@dataclass(frozen=True, slots=True)
class Word:
    """A keyword as the page shows it."""

    name: str
    label: str
    confidence: float
    source: str
    decision: str
    #: The search for it.
    href: str

    @property
    def said(self) -> str:
        """What a person said of it: `confirm`, `reject` or `none`."""
        return {"confirmed": "confirm", "rejected": "reject"}.get(self.decision, "none")


@router.get("/photo/{photo_id}")
def photo(
    request: Request,
    photo_id: int,
    q: str = "",
    sort: str = "",
    by: str = "",
    fold: str = "",
    like: int | None = None,
    group: str = "",
) -> HTMLResponse:
    """Show a photo and everything that is known of it."""
    t = frame.texts_of(request)
    search = frame.suffix(q=q, by=by, sort=sort, fold=fold)
    web = context.of(request)
    with web.database.read() as session:
        try:
            detail = query.get_photo(session, photo_id)
        except NotFoundError as error:
            return frame.problem(request, 404, str(error))
        is_in_search = not by and like is None and not group
        beside = _beside(session, photo_id, q, sort) if is_in_search else {}
        values = _describe(session, t, detail)
        values["similar"] = _similar(web, session, t, photo_id)
    links = {name: f"/photo/{other}{search}" if other else None for name, other in beside.items()}
    back = f"/photo/{like}/similar" if like is not None else f"/{search}"
    return frame.render(
        request,
        "photo.html",
        here="photos",
        q=q,
        by=by,
        back=_group_page(group) or back,
        self_url=str(request.url.path) + (f"?{request.url.query}" if request.url.query else ""),
        **{"previous": None, "next": None, "first": None, "last": None} | links | values,
    )


def _group_page(group: str) -> str:
    """Return the address of a group from `tags-3`, or nothing."""
    kind, _, number = group.partition("-")
    is_group = kind in {"tags", "events", "alike"} and number.isascii() and number.isdigit()
    return f"/groups/{number}?by={kind}" if is_group else ""


def _beside(session: Session, photo_id: int, q: str, sort: str) -> dict[str, int | None]:
    try:
        found = query.prepare(session, q)
        near = neighbours.find_neighbours(found, photo_id, sort_of(q, sort))
    except QueryError:
        return {}
    return {"first": near.first, "previous": near.previous, "next": near.next, "last": near.last}


def _similar(web: Web, session: Session, t: Texts, photo_id: int) -> list[frame.Tile]:
    try:
        matches = alike.find_like(web, session, photo_id, limit=_SIMILAR)
    except CatalogError:
        return []
    places = [Position(match.similarity, match.photo_id) for match in matches]
    return frame.tiles(session, t, hits.load(session, places))


def _describe(session: Session, t: Texts, detail: PhotoDetail) -> dict[str, Any]:
    row = detail.photo
    words = words_of(session, t, detail.keywords)
    present = [file for file in detail.files if file.missing_since is None]
    name = paths.printable(paths.to_text(detail.files[0].path.name)) if detail.files else ""
    spoken = ", ".join(word.label for word in words if word.said != "reject")[:300]
    return {
        "photo": {
            "id": row.id,
            "sha": row.sha256.hex(),
            "width": row.width,
            "height": row.height,
            "taken_at": row.taken_at,
            "camera": row.camera,
            "failure": row.failure,
            "missing_since": row.missing_since,
        },
        "title": name or t("photo.of", n=row.id),
        "taken": frame.moment(t, row.taken_at) if row.taken_at else "",
        "alt": spoken or name,
        "keywords": words,
        "facts": _facts(t, row),
        "files": [
            {
                "path": paths.printable(paths.to_text(file.path)),
                "size": frame.size(t, file.size_bytes),
                "missing": file.missing_since is not None,
            }
            for file in detail.files
        ],
        "history": [_event(t, event) for event in reversed(detail.history)],
        "original": f"/api/v1/photos/{row.id}/original" if present else None,
    }


def words_of(
    session: Session,
    t: Texts,
    keywords: tuple[KeywordDetail, ...],
    *,
    least: float | None = None,
) -> list[Word]:
    """Return keywords as a page shows them: those that count, and those that were rejected last."""
    bound = threshold.choose(least)
    shown = [each for each in keywords if each.decision is not None or each.confidence >= bound]
    called = labels.find_labels(session, {each.name for each in shown}, t.language)
    words = [
        Word(
            name=each.name,
            label=called[each.name],
            confidence=round(each.confidence, 4),
            source=each.source.value,
            decision=each.decision.value if each.decision else "",
            href=frame.suffix(q=chips.quote(each.name)),
        )
        for each in shown
    ]
    return sorted(words, key=lambda word: word.decision == Decision.REJECTED)


def _facts(t: Texts, row: Photo) -> list[tuple[str, str, str | None]]:
    sources = row.fact_sources or {}
    place = (
        f"{row.latitude:.5f}, {row.longitude:.5f}"
        if row.latitude is not None and row.longitude is not None
        else ""
    )
    size = f"{row.width} \N{MULTIPLICATION SIGN} {row.height}" if row.width else ""
    known = [
        ("taken", frame.moment(t, row.taken_at) if row.taken_at else "", "taken_at"),
        ("camera", row.camera or "", "camera"),
        ("place", place, "latitude"),
        ("size", size, "width"),
        ("format", row.format or "", "format"),
        ("bytes", frame.size(t, row.size_bytes), "size_bytes"),
        ("added", frame.moment(t, row.added_at.astimezone()), "added_at"),
        ("tagged", frame.moment(t, row.tagged_at.astimezone()) if row.tagged_at else "", ""),
        ("id", str(row.id), ""),
    ]
    return [(name, value, sources.get(column)) for name, value, column in known if value]


def _event(t: Texts, event: EventDetail) -> dict[str, Any]:
    detail = event.detail or {}
    found = detail.get("keywords")
    entries = found if isinstance(found, list) else []  # of an inheritance it is their number
    words = ", ".join(str(entry.get("word", "")) for entry in entries)
    action = str(detail.get("action", ""))
    key = f"event.{action}" if words and f"event.{action}" in t.entries else f"event.{event.kind}"
    text = t(key, words=words) if key in t.entries else event.kind
    when = event.at.astimezone()
    return {"at": event.at, "when": frame.moment(t, when), "text": text}


@router.post("/photo/{photo_id}/decide")
def decide(
    request: Request,
    photo_id: int,
    action: Annotated[str, Form()],
    word: Annotated[str, Form(max_length=200)],
    back: Annotated[str, Form()] = "",
    form_token: Annotated[str, Form()] = "",
) -> Response:
    """Decide about a keyword of one photo, without JavaScript."""
    context.require_form_token(request, form_token)
    web, now = context.of(request), datetime.now(UTC)
    try:
        with web.database.write() as session:
            if action == "add":
                look_up = web.services.look_up
                decisions.add(session, [photo_id], [word], now=now, look_up=look_up)
            elif action == "confirm":
                decisions.confirm(session, [photo_id], [word], now=now)
            elif action == "reject":
                decisions.reject(session, [photo_id], [word], now=now)
    except CatalogError as error:
        return frame.problem(request, 400, str(error))
    is_ours = back.startswith("/") and not back.startswith(("//", "/\\"))
    return RedirectResponse(back if is_ours else f"/photo/{photo_id}", status_code=303)
