"""Builds the web application; `kadr serve` runs it, and tests call it without a server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio.to_thread
from fastapi import FastAPI

from catalog.db.database import Database
from catalog.web import api, assets, health, login, media, pages, problems
from catalog.web import metrics as scraping
from catalog.web.context import Web
from catalog.web.guard import Guard
from catalog.web.identity import Doorkeeper
from catalog.web.jobs import Jobs
from catalog.web.live import Live
from catalog.web.login import Tries
from catalog.web.metrics import Metrics, Timing
from catalog.web.services import Services
from catalog.web.settings import WebSettings
from catalog.web.telling import Teller

#: Requests that read or write the catalogue at a time; each holds one connection. More would wait
#: for each other, since Python runs one of them, and would hold memory for it.
THREADS = 8
#: Bytes of a request's body; a decision about 10,000 photos takes 100 kB.
MAX_BODY_BYTES = 2 * 1024 * 1024


def create_app(database: Database, services: Services, settings: WebSettings) -> FastAPI:
    """Return the application over an open catalogue, which the caller closes."""
    app = FastAPI(
        title="Kadr",
        version=version("kadr"),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        max_body_size=MAX_BODY_BYTES,
    )
    door = Doorkeeper(database, settings)
    live = Live(database)
    metrics = Metrics(database, live)
    app.state.web = Web(
        database,
        services,
        settings,
        assets.load(),
        door,
        Tries(),
        Jobs(database, services),
        live,
        metrics,
    )
    app.state.teller = Teller(database)
    problems.register(app)
    pages.include(app)
    for part in (assets, media, login, health, scraping):
        app.include_router(part.router)
    api.include(app)
    app.add_middleware(Guard, door=door, settings=settings)
    app.add_middleware(Timing, metrics=metrics)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    web: Web = app.state.web
    with web.jobs, app.state.teller:
        yield
    await web.live.close()
