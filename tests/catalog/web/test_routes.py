"""Every route by who asks, and from where: a route without a row fails."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from catalog.access import tokens
from catalog.db.database import Database, open_database
from catalog.db.web_tables import Scope
from catalog.web import live
from tests.support import catalogue, web

PASSWORD = "correct horse"  # noqa: S105 - of a test
SHA, JOB = "a" * 64, "0" * 32


@dataclass(frozen=True)
class Row:
    """What a route needs, and a request that it understands."""

    path: str
    #: None for a route that is open to everybody.
    scope: Scope | None = Scope.READ
    json: Any = None
    form: Any = None


DECISION = {"action": "add", "words": ["x"], "photos": [1]}
ROWS = {
    "GET /healthz": Row("/healthz", None),
    "GET /readyz": Row("/readyz", None),
    "GET /login": Row("/login", None),
    "POST /login": Row("/login", None, form={"password": PASSWORD}),
    "GET /static/{version}/{name:path}": Row("/static/x/kadr.css", None),
    "GET /api/v1/openapi.json": Row("/api/v1/openapi.json", None),
    "GET /metrics": Row("/metrics", Scope.ADMIN),
    "POST /logout": Row("/logout", Scope.DECIDE, form={"form_token": "{form_token}"}),
    "GET /t/{sha256}/{size}.webp": Row(f"/t/{SHA}/240.webp"),
    "GET /api/v1/photos": Row("/api/v1/photos"),
    "GET /api/v1/photos/count": Row("/api/v1/photos/count"),
    "GET /api/v1/photos/labels": Row("/api/v1/photos/labels?ids=1"),
    "GET /api/v1/facets": Row("/api/v1/facets"),
    "GET /api/v1/timeline": Row("/api/v1/timeline"),
    "GET /api/v1/timeline/{month}": Row("/api/v1/timeline/2023-05"),
    "GET /api/v1/photos/{photo_id}": Row("/api/v1/photos/1"),
    "GET /api/v1/photos/{photo_id}/similar": Row("/api/v1/photos/1/similar"),
    "GET /api/v1/photos/{photo_id}/history": Row("/api/v1/photos/1/history"),
    "GET /api/v1/photos/{photo_id}/original": Row("/api/v1/photos/1/original"),
    "POST /api/v1/photos/zip": Row("/api/v1/photos/zip", Scope.READ, json={"photos": [1]}),
    "GET /api/v1/downloads/{job}.zip": Row(f"/api/v1/downloads/{JOB}.zip"),
    "GET /api/v1/meaning": Row("/api/v1/meaning?text=x"),
    "GET /api/v1/keywords": Row("/api/v1/keywords"),
    "GET /api/v1/keywords/{tag_id}": Row("/api/v1/keywords/1"),
    "GET /api/v1/complete": Row("/api/v1/complete?text=x"),
    "GET /api/v1/review": Row("/api/v1/review?word=dog"),
    "GET /api/v1/review/words": Row("/api/v1/review/words"),
    "POST /api/v1/decisions": Row("/api/v1/decisions", Scope.DECIDE, json=DECISION),
    "POST /api/v1/decisions/{change}/undo": Row(
        f"/api/v1/decisions/{JOB}/undo", Scope.DECIDE, json={}
    ),
    "GET /api/v1/groups": Row("/api/v1/groups?by=events"),
    "GET /api/v1/groups/{number}/photos": Row("/api/v1/groups/1/photos?by=events"),
    "POST /api/v1/groups/refresh": Row("/api/v1/groups/refresh", Scope.DECIDE, json={}),
    "GET /api/v1/events": Row("/api/v1/events"),
    "GET /api/v1/status": Row("/api/v1/status"),
    "GET /api/v1/failures": Row("/api/v1/failures"),
    "GET /api/v1/jobs/{job}": Row(f"/api/v1/jobs/{JOB}"),
    "POST /api/v1/retry": Row("/api/v1/retry", Scope.ADMIN, json={}),
    "POST /api/v1/scan": Row("/api/v1/scan", Scope.ADMIN, json={}),
}
#: Of pages: all need a login, and forms that change something `decide`.
PAGE_EXAMPLES = {"photo_id": "1", "number": "1", "change": JOB}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("routes")
    database = open_database(f"sqlite:///{folder / 'kadr.db'}", upgrade=True)
    with database.write() as session:
        [photo_id] = catalogue.add_photos(session, "a.jpg")
        catalogue.tag_photo(session, photo_id, {"dog": 0.9})
    with (
        pytest.MonkeyPatch.context() as patch,
        web.client(database, folder, web_password=PASSWORD) as opened,
    ):
        patch.setattr(live, "MAX_CLIENTS", 0)  # a stream would have no end
        yield opened
    database.close()


@pytest.fixture(scope="module")
def values(client: TestClient) -> dict[Scope, str]:
    database: Database = client.app.state.web.database
    with database.write() as session:
        now = datetime.now(UTC)
        return {scope: tokens.add(session, f"t-{scope}", scope, now=now) for scope in Scope}


def routes(client: TestClient) -> dict[str, Row]:
    """All routes of the application, each with its row."""
    found: dict[str, Row] = {}
    for route in iter_route_contexts(client.app.routes):
        for method in sorted((route.methods or set()) - {"HEAD"}):
            name = f"{method} {route.path}"
            found[name] = ROWS[name] if name in ROWS else _page(name)
    return found


def _page(name: str) -> Row:
    method, path = name.split(" ", 1)
    assert not path.startswith(("/api/", "/t/")), f"{name}: add a row to the table"
    for key, value in PAGE_EXAMPLES.items():
        path = path.replace(f"{{{key}}}", value).replace(f"{{{key}:int}}", value)
    assert "{" not in path, f"{name}: give an example of its parameters"
    return Row(path, Scope.READ if method == "GET" else Scope.DECIDE, form={})


def ask(client: TestClient, name: str, row: Row, **headers: str) -> int:
    method = name.split(" ", 1)[0]
    client.cookies.clear()
    sent: dict[str, Any] = {}
    if method == "POST":
        sent = {"json": row.json} if row.json is not None else {"data": row.form}
    own = {} if "Authorization" in headers or method == "GET" else web.ORIGIN
    return client.request(method, row.path, headers=own | headers, **sent).status_code


def test_every_row_is_a_route(client: TestClient):
    assert ROWS.keys() - routes(client).keys() == set()


def test_who_has_not_logged_in_sees_open_routes_alone(client: TestClient):
    for name, row in routes(client).items():
        status = ask(client, name, row)
        assert (status == 401) is (row.scope is not None), f"{name}: {status}"


@pytest.mark.parametrize("scope", list(Scope))
def test_a_token_opens_what_its_scope_allows(
    client: TestClient, values: dict[Scope, str], scope: Scope
):
    order = list(Scope)
    for name, row in routes(client).items():
        if row.scope is None or name == "POST /logout":
            continue
        status = ask(client, name, row, Authorization=f"Bearer {values[scope]}")
        may = order.index(scope) >= order.index(row.scope)
        if not name.split(" ", 1)[1].startswith(("/api/", "/t/", "/metrics")) and may:
            assert status != 401, name  # a form without its token is refused
        else:
            assert (status not in {401, 403}) is may, f"{name}: {status}"


def test_a_wrong_host_and_another_site_are_refused_everywhere(
    client: TestClient, values: dict[Scope, str]
):
    token = {"Authorization": f"Bearer {values[Scope.ADMIN]}"}
    for name, row in routes(client).items():
        assert ask(client, name, row, Host="evil.example:8090", **token) == 421, name
        assert ask(client, name, row, Origin="http://evil.example", **token) == 403, name


def test_no_token_makes_tokens(client: TestClient):
    assert not [name for name in routes(client) if "token" in name.lower()]


def test_paths_in_addresses_lead_nowhere(client: TestClient, values: dict[Scope, str]):
    token = {"Authorization": f"Bearer {values[Scope.ADMIN]}"}
    for path in (
        "/t/..%2f..%2fetc%2fpasswd/240.webp",
        "/t/%5C..%5C..%5Csecret/240.webp",
        f"/t/{SHA}/../../240.webp",
        f"/t/{SHA.upper()}/240.webp",
        f"/t/{SHA}/241.webp",
        "/static/x/..%2f..%2fsettings.py",
        "/static/x/%2fetc%2fpasswd",
    ):
        assert client.get(path, headers=token).status_code == 404, path
    for path in ("/api/v1/photos/..%2f..%2fetc", "/api/v1/photos/%2fphotos%2fa.jpg/original"):
        assert client.get(path, headers=token).status_code in {404, 422}, path


def test_the_database_is_not_needed_to_say_that_the_process_lives(
    client: TestClient, tmp_path: Path
):
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").status_code == 503  # /photos is not a folder here
