"""Small pictures of photos, addressed by content.

An address holds 64 hexadecimal digits, never a path: files are opened by the catalogue's path.
"""

import re
import time
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from catalog.query import photo as photos
from catalog.web import context
from catalog.web.context import Web
from catalog.web.services import ThumbBusyError, ThumbFailedError, ThumbFormat, ThumbKey, ThumbSize

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SIZES: dict[str, ThumbSize] = {"240": 240, "360": 360, "1600": 1600}
#: Part of the ETag; raise it when pictures of the same content come out differently.
_VERSION = "w1"

router = APIRouter(include_in_schema=False)


@router.get("/t/{sha256}/{size}.webp")
async def thumbnail(request: Request, sha256: str, size: str) -> Response:
    """Return a small picture of a photo, made now if it is not in the cache."""
    if not _SHA256.fullmatch(sha256) or size not in _SIZES:
        raise HTTPException(404, "there is no such picture")
    web = context.of(request)
    accepted = request.headers.get("accept", "")
    is_webp = not accepted or "image/webp" in accepted or "*/*" in accepted
    key = ThumbKey(sha256, _SIZES[size], "webp" if is_webp else "jpeg")
    headers = _headers(key)
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    begun = time.perf_counter()
    content, how = await _picture(web, key)
    web.metrics.thumbs.labels(how).observe(time.perf_counter() - begun)
    return Response(content, media_type=f"image/{key.format}", headers=headers)


async def _picture(web: Web, key: ThumbKey) -> tuple[bytes, str]:
    """Return the picture, and whether it is from the `cache` or was `made`."""
    thumbnails = web.services.thumbnails
    if thumbnails is None:
        raise HTTPException(404, "this server makes no pictures")
    found = await run_in_threadpool(thumbnails.find, key)
    if found is not None:
        return found, "cache"
    places = await run_in_threadpool(_find_places, web, key.sha256)
    try:
        return await thumbnails.make(key, places), "made"
    except ThumbBusyError as error:
        after = {"Retry-After": str(error.retry_s)}
        raise HTTPException(503, str(error), headers=after) from error
    except ThumbFailedError as error:
        raise HTTPException(404, str(error)) from error


def _find_places(web: Web, sha256: str) -> list[Path]:
    with web.database.read() as session:
        return photos.find_places(session, bytes.fromhex(sha256))


def _headers(key: ThumbKey) -> dict[str, str]:
    kind: ThumbFormat = key.format
    return {
        "Cache-Control": "private, max-age=31536000, immutable",
        "ETag": f'"{key.sha256}-{key.size}-{_VERSION}{"" if kind == "webp" else kind}"',
        "Vary": "Accept",
    }
