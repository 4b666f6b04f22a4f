"""The REST API below `/api/v1`: one file for each kind of thing, no logic of its own."""

from fastapi import FastAPI

from catalog.web import problems
from catalog.web.api import (
    decisions,
    description,
    downloads,
    events,
    groups,
    keywords,
    operations,
    photos,
)

_PARTS = (photos, keywords, decisions, groups, downloads, events, operations, description)


def include(app: FastAPI) -> None:
    """Add the routes to an application; they are prepared when the first of them is asked for."""
    for part in _PARTS:
        app.include_router(part.router, prefix="/api/v1", responses=problems.RESPONSES)
