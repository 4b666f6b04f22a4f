"""What every route works with: the open catalogue, the settings and the services of this process.

`app.create_app` puts a `Web` into the application; routes get it by `of(request)`.
"""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from catalog.db.database import Database
from catalog.web.assets import Assets
from catalog.web.services import Services
from catalog.web.settings import WebSettings


@dataclass(frozen=True, slots=True)
class Web:
    """The parts of one web process."""

    database: Database
    services: Services
    settings: WebSettings
    assets: Assets


def of(request: HTTPConnection) -> Web:
    """Return the parts of the process that answers a request."""
    web: Web = request.app.state.web
    return web
