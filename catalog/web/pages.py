"""The pages of the gallery, rendered on the server; they work without JavaScript."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from catalog.web import rendering

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/")
def search(request: Request) -> HTMLResponse:
    """Show the photos of a search."""
    return rendering.page(request, "search.html", title="Kadr")
