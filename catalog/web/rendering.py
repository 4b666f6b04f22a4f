"""Renders the pages from `templates/`: escaped by default; a missing name is an error."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from catalog.web import context

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
    values |= {"form_token": context.form_token_of(request), "viewer": context.viewer_of(request)}
    text = (
        environment()
        .get_template(template)
        .render(request=request, static=web.assets.url, **values)
    )
    return HTMLResponse(text, status_code, headers={"Cache-Control": "no-store"})
