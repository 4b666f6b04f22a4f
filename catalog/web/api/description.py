"""The description of the API (OpenAPI 3.1)."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi

from catalog.web.problems import Problem

router = APIRouter(include_in_schema=False)

_TEXT = """\
Everything that the gallery does. Queries are in Kadr's language (docs/search.md). Pages have a
cursor: give `next` as `after`. Errors are problems (RFC 9457). Scripts send a token of
`kadr token add` as `Authorization: Bearer ...`; its scope is `read`, `decide` or `admin`. Requests
that change something send JSON with `Content-Type: application/json`. Only additions are made to
version 1; ignore fields that you do not know.
"""


@router.get("/openapi.json")
async def openapi(request: Request) -> dict[str, Any]:
    """Return the description."""
    return describe(request.app)


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the description of an application's routes; it is made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="Kadr",
            version="1",
            summary="Photos by keywords: search, review, decide.",
            description=_TEXT,
            routes=app.routes,
        )
        parts = made.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"token": []}]
        app.openapi_schema = made
    return app.openapi_schema
