"""The stream of live events (Server-Sent Events)."""

from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query, Request
from starlette.responses import StreamingResponse

from catalog.web import context

router = APIRouter(tags=["events"])

_EXAMPLE = 'id: 812\nevent: tagged\ndata: {"photos":[17,18],"n":2}\n\n'
_DESCRIBED = {
    200: {
        "description": "`tagged`, `failed`, `decided`, `sidecar`, `progress`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}


@router.get("/events", response_class=StreamingResponse, responses=_DESCRIBED)  # type: ignore[arg-type]
async def events(
    request: Request,
    after: Annotated[str, Query(pattern=r"^\d{0,18}$")] = "",
    last: Annotated[str, Header(alias="Last-Event-ID")] = "",
) -> StreamingResponse:
    """Stream what happens from now on, or after an event that the caller knows."""
    live = context.of(request).live
    if live.is_full:
        raise HTTPException(503, "too many browsers listen; try later", {"Retry-After": "30"})
    known = last if last.isascii() and last.isdigit() else after
    return StreamingResponse(
        live.listen(int(known[:18]) if known else None),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
