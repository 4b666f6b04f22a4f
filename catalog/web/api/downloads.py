"""Routes that send the photos themselves: one file as it is, or a selection as a ZIP archive."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from catalog.query import photo as photos
from catalog.requests import jobs
from catalog.web import context, originals
from catalog.web.api.shapes import PhotoId, Shape

router = APIRouter(tags=["downloads"])

#: Jobs of this kind are never run: their row says what an address may download.
KIND = "zip"
#: Nothing in a downloaded file may run, whatever a browser takes it for.
_SANDBOX = {"Content-Security-Policy": "sandbox; default-src 'none'"}
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_PART: dict[int | str, dict[str, Any]] = {
    206: {"description": "The range that was asked for."},
    416: {"description": "The range lies outside of the file."},
}


class SelectionShape(BaseModel):
    """Photos to download."""

    photos: Annotated[list[PhotoId], Field(min_length=1, max_length=originals.MAX_ZIPPED)]


class DownloadShape(Shape):
    """Where an archive can be downloaded."""

    url: str


@router.get("/photos/{photo_id}/original", response_class=Response, responses={**_BYTES, **_PART})
def get_original(request: Request, photo_id: Annotated[int, Path(ge=1, le=10**18)]) -> Response:
    """Return a file of a photo as it is; one range of it, if asked for."""
    with context.of(request).database.read() as session:
        row = photos.get_photo_by_id(session, photo_id).photo
        places = photos.find_places(session, row.sha256)
    opened = originals.open_first(places)
    etag = f'"{row.sha256.hex()}"'
    headers = _SANDBOX | {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": originals.disposition(opened.name),
        "ETag": etag,
    }
    asked = request.headers.get("range", "")
    if request.headers.get("if-range", etag) != etag:
        asked = ""
    try:
        part = originals.parse_range(asked, opened.size)
    except ValueError:
        opened.file.close()
        return Response(status_code=416, headers={"Content-Range": f"bytes */{opened.size}"})
    begin, end = (0, opened.size - 1) if part is None else part
    headers["Content-Length"] = str(end - begin + 1)
    if part is not None:
        headers["Content-Range"] = f"bytes {begin}-{end}/{opened.size}"
    return StreamingResponse(
        originals.read_part(opened, begin, end),
        200 if part is None else 206,
        headers,
        originals.content_type(row.format),
    )


@router.post("/photos/zip")
def prepare_zip(request: Request, body: SelectionShape) -> DownloadShape:
    """Return an address at which photos can be downloaded as one archive, for a week."""
    with context.of(request).database.write() as session:
        job = jobs.add(session, KIND, {"photos": body.photos}, now=datetime.now(UTC))
    return DownloadShape(url=f"/api/v1/downloads/{job}.zip")


@router.get("/downloads/{job}.zip", response_class=StreamingResponse, responses=_BYTES)
def download(
    request: Request, job: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
) -> StreamingResponse:
    """Return an archive of photos."""
    with context.of(request).database.read() as session:
        asked = jobs.get(session, job, kind=KIND).asked
        places = photos.find_places_of(session, asked["photos"])
    headers = _SANDBOX | {
        "Cache-Control": "no-store",
        "Content-Disposition": originals.disposition(f"kadr-{datetime.now(UTC):%Y-%m-%d}.zip"),
    }
    archive = originals.zip_photos(places)
    return StreamingResponse(archive, headers=headers, media_type="application/zip")
