"""The application answers without a server: pages, files, photos."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from catalog.db.database import Database
from catalog.web.app import create_app
from catalog.web.services import Services
from catalog.web.settings import WebSettings
from tests.support import catalogue


@pytest.fixture
def client(database: Database, tmp_path: Path) -> TestClient:
    with database.write() as session:
        first, second = catalogue.add_photos(session, "a.jpg", "b.jpg")
        catalogue.tag_photo(session, first, {"dog": 0.9, "grass": 0.5})
        catalogue.tag_photo(session, second, {"cat": 0.8})
    app = create_app(database, Services(), WebSettings(cache_dir=tmp_path))
    return TestClient(app, base_url="http://127.0.0.1:8090")


def test_photos_are_found_with_their_keywords(client: TestClient):
    found = client.get("/api/v1/photos", params={"q": "dog"}).json()

    [photo] = found["items"]
    assert photo["file"] == "a.jpg"
    assert [word["name"] for word in photo["keywords"]] == ["dog", "grass"]
    assert found["next"] is None


def test_a_file_is_kept_for_ever_under_its_version_alone(client: TestClient):
    assets = client.app.state.web.assets
    now = client.get(assets.url("kadr.css"))
    before = client.get("/static/000000000000/kadr.css")

    assert now.headers["cache-control"].endswith("immutable")
    assert before.headers["cache-control"] == "no-store"
    assert client.get(f"/static/{assets.version}/../app.py").status_code == 404
