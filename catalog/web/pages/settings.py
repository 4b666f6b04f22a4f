"""A person's settings of the pages, kept in the browser; what is written beside photos is shown."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from catalog import paths
from catalog.photos import roots
from catalog.web import context, preferences, texts
from catalog.web.pages import frame
from catalog.web.texts import Texts

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/settings")
def show(request: Request, saved: str = "") -> HTMLResponse:
    """Show the settings."""
    t = frame.texts_of(request)
    with context.of(request).database.read() as session:
        folders = [
            {"path": paths.printable(each.path), "policy": _policy(t, each.sidecars)}
            for each in roots.list_roots(session)
        ]
    return frame.render(
        request,
        "settings.html",
        here="settings",
        saved=saved == "1",
        languages=list(texts.LANGUAGES.items()),
        roots=folders,
    )


def _policy(t: Texts, written: str | None) -> str:
    if written is None:
        return t("settings.policy_default")
    if written in {"off", "confirmed"}:
        return t(f"settings.policy_{written}")
    return t("settings.policy_least", n=written)


@router.post("/settings")
def save(
    request: Request,
    theme: Annotated[str, Form()] = "auto",
    lang: Annotated[str, Form()] = "",
    row: Annotated[str, Form()] = "200",
    keys: Annotated[str, Form()] = "on",
    form_token: Annotated[str, Form()] = "",
) -> Response:
    """Keep the settings in the browser."""
    context.require_form_token(request, form_token)
    response = RedirectResponse("/settings?saved=1", status_code=303)
    preferences.write(response, {"theme": theme, "lang": lang, "row": row, "keys": keys})
    return response
