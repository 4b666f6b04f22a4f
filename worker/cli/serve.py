"""`kadr serve`: the gallery and the REST API, in a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn

from catalog.cli import console
from catalog.db import database as databases
from catalog.db.database import Database
from catalog.web import app as web_app
from catalog.web import guard
from catalog.web import settings as web_settings
from catalog.web.identity import Doorkeeper
from catalog.web.services import Services
from catalog.web.settings import WebSettings
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
        _require_password(database, web)
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


def _require_password(database: Database, web: WebSettings) -> None:
    """End with status 2 where other machines could reach a gallery that asks for no password."""
    if guard.is_loopback(web.web_host) or web.web_auth == "proxy":
        return
    if Doorkeeper(database, web).find_password() is None:
        console.err().print(
            f"[bold red]kadr:[/] other machines reach {web.web_host}, and there is no password; "
            "run `kadr password` first, or listen at 127.0.0.1",
        )
        raise typer.Exit(2)


@contextmanager
def _services(settings: Settings) -> Iterator[Services]:
    store = ThumbStore(settings.cache_dir / "thumbs")
    thumbs = ThumbMaker(store, max_pixels=settings.max_pixels, max_bytes=settings.max_bytes)
    try:
        yield Services(thumbnails=thumbs)
    finally:
        thumbs.close()
