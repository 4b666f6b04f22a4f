"""What every route works with: the open catalogue, the settings and the services of this process.

`app.create_app` puts a `Web` into the application; routes get it by `of(request)`.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection, Request

from catalog.db.database import Database
from catalog.web.assets import Assets
from catalog.web.identity import Doorkeeper, Viewer
from catalog.web.jobs import Jobs
from catalog.web.live import Live
from catalog.web.problems import ForbiddenError
from catalog.web.services import Services
from catalog.web.settings import WebSettings
from catalog.web.versions import Kept

if TYPE_CHECKING:
    from catalog.web.login import Tries
    from catalog.web.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Web:
    """The parts of one web process."""

    database: Database
    services: Services
    settings: WebSettings
    assets: Assets
    door: Doorkeeper
    #: Tries to log in, by address.
    tries: "Tries"
    jobs: Jobs
    live: Live
    metrics: "Metrics"
    #: Answers that hold until the catalogue changes.
    kept: Kept = field(default_factory=Kept)


def of(request: HTTPConnection) -> Web:
    """Return the parts of the process that answers a request."""
    web: Web = request.app.state.web
    return web


def viewer_of(request: HTTPConnection) -> Viewer | None:
    """Return who asks, or None on a page that is shown to everybody."""
    viewer: Viewer | None = request.state.viewer
    return viewer


def form_token_of(request: HTTPConnection) -> str:
    """Return what the forms of a page must send back as `form_token`."""
    viewer = viewer_of(request)
    return "" if viewer is None else of(request).door.form_token(viewer)


def require_form_token(request: Request, given: str) -> None:
    """Check that a form was one of this viewer's pages.

    Raises:
        ForbiddenError: It was not.
    """
    viewer = viewer_of(request)
    if viewer is None or not of(request).door.is_form_token(viewer, given):
        raise ForbiddenError("this form is of another login; load its page again")


def address_of(request: HTTPConnection) -> str:
    """Return the address of the browser, as a trusted proxy says or as it is."""
    peer = "" if request.client is None else request.client.host
    said = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return said if said and of(request).door.is_trusted(peer) else peer


def is_https(request: HTTPConnection) -> bool:
    """Return whether the browser came by https, as a trusted proxy says or as it is."""
    peer = "" if request.client is None else request.client.host
    said = request.headers.get("x-forwarded-proto", "")
    if said and of(request).door.is_trusted(peer):
        return said.lower() == "https"
    return request.url.scheme == "https"
