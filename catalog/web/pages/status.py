"""How the tagging stands: numbers that move, failures with their reasons, folders."""

from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from catalog import paths
from catalog.photos import roots, status, workers
from catalog.web import context
from catalog.web.pages import frame

_FAILURES = 200

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/status")
def show(request: Request) -> HTMLResponse:
    """Show what is tagged, what waits, and what failed."""
    web, t, now = context.of(request), frame.texts_of(request), datetime.now(UTC)
    with web.database.read() as session:
        failures = status.find_failures(session, limit=_FAILURES + 1)
        values: dict[str, Any] = {
            "counts": status.count_states(session),
            "rate": round(status.get_rate(session, now), 1),
            "failures": [_explained(each) for each in failures[:_FAILURES]],
            "is_cut": len(failures) > _FAILURES,
            "workers": [
                {"name": each.name, "seen": frame.moment(t, each.seen_at.astimezone())}
                for each in workers.find(session, now)
            ],
            "sidecars": sorted(status.count_sidecars(session).items()),
            "roots": [{"path": paths.printable(each.path)} for each in roots.list_roots(session)],
        }
    return frame.render(
        request, "status.html", here="status", can_scan=web.services.scan is not None, **values
    )


def _explained(failure: status.Failure) -> dict[str, Any]:
    """Return a failure's file name, folder and reason; reasons that begin with the name lose it."""
    path = PurePath(failure.path)
    return {
        "photo_id": failure.photo_id,
        "path": failure.path,
        "name": path.name,
        "folder": str(path.parent),
        "reason": failure.reason.removeprefix(f"{path.name}: "),
    }
