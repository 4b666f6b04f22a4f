"""`kadr serve`: the gallery and the REST API, in a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn

from catalog.cli import console
from catalog.db import database as databases
from catalog.web import app as web_app
from catalog.web import settings as web_settings
from catalog.web.services import Services
from worker.cli import options
from worker.serving.thumbs import ThumbMaker
from worker.settings import Settings
from worker.thumbs.store import ThumbStore

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen at.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen at.")] = None,
) -> None:
    """Show the catalogue in a browser: search, review keywords; and a REST API for scripts."""
    settings = options.load()
    web = web_settings.load(web_host=host, web_port=port)
    with databases.open_catalogue() as database, _services(settings) as services:
        served = web_app.create_app(database, services, web)
        console.err().print(f"Gallery on http://{web.web_host}:{web.web_port} Ctrl-C ends.")
        uvicorn.run(
            served,
            host=web.web_host,
            port=web.web_port,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            access_log=False,
        )


@contextmanager
def _services(settings: Settings) -> Iterator[Services]:
    store = ThumbStore(settings.cache_dir / "thumbs")
    thumbs = ThumbMaker(store, max_pixels=settings.max_pixels, max_bytes=settings.max_bytes)
    try:
        yield Services(thumbnails=thumbs)
    finally:
        thumbs.close()
