"""The web application of a test: who asks, and from where."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from catalog.db.database import Database
from catalog.web.app import create_app
from catalog.web.services import Services
from catalog.web.settings import WebSettings

HOST = "127.0.0.1:8090"
ORIGIN = {"Origin": f"http://{HOST}"}


@contextmanager
def client(
    database: Database,
    cache_dir: Path,
    *,
    services: Services | None = None,
    peer: str = "127.0.0.1",
    **settings: Any,
) -> Iterator[TestClient]:
    """A browser on an address; by default on this machine, where no password is needed."""
    chosen = WebSettings(cache_dir=cache_dir, **settings)
    app = create_app(database, services or Services(), chosen)
    with TestClient(
        app, base_url=f"http://{HOST}", client=(peer, 50_000), follow_redirects=False
    ) as opened:
        yield opened
