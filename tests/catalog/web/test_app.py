"""The application answers without a server: pages, files, photos."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from catalog.db.database import Database
from tests.support import catalogue, web


@pytest.fixture
def client(database: Database, tmp_path: Path) -> Iterator[TestClient]:
    with database.write() as session:
        first, second = catalogue.add_photos(session, "a.jpg", "b.jpg")
        catalogue.tag_photo(session, first, {"dog": 0.9, "grass": 0.5})
        catalogue.tag_photo(session, second, {"cat": 0.8})
    with web.client(database, tmp_path) as opened:
        yield opened


def test_photos_are_found_with_their_keywords(client: TestClient):
    found = client.get("/api/v1/photos", params={"q": "dog"}).json()

    [photo] = found["items"]
    assert photo["file"] == "a.jpg"
    assert [word["name"] for word in photo["keywords"]] == ["dog", "grass"]
    assert found["next"] is None


def test_a_wrong_query_is_a_problem_with_its_place(client: TestClient):
    found = client.get("/api/v1/photos", params={"q": "dog AND ("})

    assert found.status_code == 400
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["type"] == "/problems/query"
    assert found.json()["query"] == "dog AND ("


def test_a_file_is_kept_for_ever_under_its_version_alone(client: TestClient):
    assets = client.app.state.web.assets
    now = client.get(assets.url("kadr.css"))
    before = client.get("/static/000000000000/kadr.css")

    assert now.headers["cache-control"].endswith("immutable")
    assert before.headers["cache-control"] == "no-store"
    assert client.get(f"/static/{assets.version}/..%2Fapp.py").status_code == 404
