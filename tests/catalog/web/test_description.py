"""The API is what its description says, and the description changes only on purpose.

`UPDATE_OPENAPI=1 pytest tests/catalog/web/test_description.py` writes the description anew.
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from catalog.access import tokens
from catalog.db.database import open_database
from catalog.db.web_tables import Scope
from catalog.web import live
from catalog.web.api.description import describe
from catalog.web.app import create_app
from catalog.web.services import Services
from catalog.web.settings import WebSettings
from tests.support import catalogue

#: Requests of each route.
EXAMPLES = 4
#: A stream without an end, and a body whose examples take minutes to be made up.
EXCLUDED = ["/api/v1/events", "/api/v1/decisions"]
SNAPSHOT = Path(__file__).with_name("openapi.json")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The application over a catalogue with a few photos."""
    folder = tmp_path_factory.mktemp("described")
    database = open_database(f"sqlite:///{folder / 'kadr.db'}", upgrade=True)
    with database.write() as session:
        for number, photo_id in enumerate(
            catalogue.add_photos(session, *(f"{name}.jpg" for name in "abcdef"))
        ):
            catalogue.tag_photo(session, photo_id, {"dog": 0.9 - 0.1 * number, "grass": 0.3})
        token = tokens.add(session, "test", Scope.ADMIN, now=datetime.now(UTC))
    hosts = "testserver,localhost"
    made = create_app(database, Services(), WebSettings(cache_dir=folder, web_hosts=hosts))
    made.state.test_token = token
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "MAX_CLIENTS", 0)  # a stream would have no end
        yield made
    database.close()


def test_the_description_is_the_one_that_clients_know(app: Any):
    text = json.dumps(describe(app), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_OPENAPI"):
        SNAPSHOT.write_text(text, encoding="utf-8")
    assert json.loads(text) == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_every_route_is_described_with_its_errors(app: Any):
    for path, methods in describe(app)["paths"].items():
        for method, route in methods.items():
            assert route.get("description"), f"{method} {path}"
            problems = route["responses"]["400"]["content"]
            assert list(problems) == ["application/problem+json"], f"{method} {path}"


#: Schemathesis's names of what is checked of each answer.
_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
_SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.mark.slow
def test_answers_are_as_described(app: Any):
    # Here, since all test processes import this file and this takes seconds.
    import schemathesis
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    checks = [CHECKS.get_one(name) for name in _CHECKS]
    headers = {"Authorization": f"Bearer {app.state.test_token}"}
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    tried = 0
    for found in schema.exclude(path=EXCLUDED).get_all_operations():
        operation = found.ok()

        @_SETTINGS
        @hypothesis.given(case=operation.as_strategy())
        def check(case: Any):
            case.call_and_validate(headers=headers, checks=checks)

        check()
        tried += 1
    assert tried > 20
