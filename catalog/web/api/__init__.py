"""The REST API below `/api/v1`: one file for each kind of thing, no logic of its own."""

from fastapi import APIRouter

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

router = APIRouter(prefix="/api/v1", responses=problems.RESPONSES)
for each in (photos, keywords, decisions, groups, downloads, events, operations, description):
    router.include_router(each.router)
