"""The REST API below `/api/v1`: one file for each kind of thing, no logic of its own."""

from fastapi import APIRouter

from catalog.web.api import photos

router = APIRouter(prefix="/api/v1")
router.include_router(photos.router)
