"""Renders the pages from `templates/`: escaped by default; a missing name is an error."""

import json
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from catalog.web import context, preferences, texts

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """Return Jinja's environment; filters and globals of all pages are added to it once."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def page(
    request: Request, template: str, *, status_code: int = 200, **values: object
) -> HTMLResponse:
    """Return a page.

    Templates also know `request`, `static(name)`, the address of a file, and `form_token`, which
    each form has to send back.
    """
    web = context.of(request)
    t = texts.load(preferences.language_of(request))
    values = {"here": "", "url": None} | values
    values |= {
        "t": t,
        "lang": t.language,
        "number": t.number,
        "percent": t.percent,
        "prefs": preferences.read(request),
        "client_texts": _script_json(t.for_browser()),
    }
    values |= {"form_token": context.form_token_of(request), "viewer": context.viewer_of(request)}
    text = (
        environment()
        .get_template(template)
        .render(request=request, static=web.assets.url, **values)
    )
    return HTMLResponse(text, status_code, headers={"Cache-Control": "no-store"})


def _script_json(content: object) -> Markup:
    """Return JSON that may stand in a script element, whatever it holds."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))  # noqa: S704
