"""The REST API below `/api/v1`: one file for each kind of thing, no logic of its own."""

from fastapi import APIRouter

from catalog.web.api import photos, timeline

router = APIRouter(prefix="/api/v1")
router.include_router(timeline.router)
router.include_router(photos.router)
