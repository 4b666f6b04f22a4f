"""Errors as the API answers them: `application/problem+json` (RFC 9457).

`type` names the kind of problem and stays the same in all versions; `detail` is the sentence that
`kadr` would print. Pages get the same as HTML where the browser asked for it.
"""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from catalog import errors
from catalog.web import messages, preferences, texts
from catalog.web.services import ThumbBusyError, ThumbFailedError

_log = structlog.get_logger()

#: Below these nothing is a page that a browser shows.
DATA = ("/api/", "/t/", "/static/", "/photos/")

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong, and what to do."""

    type: str = Field(examples=["/problems/query"])
    title: str = Field(examples=["Wrong query"])
    status: int = Field(examples=[400])
    detail: str
    #: Only of a wrong query: where, counted from 0, and the query.
    position: int | None = None
    query: str | None = None
    #: Only of a request that is not as the description says: where and why.
    errors: list[dict[str, Any]] | None = None


class ConflictError(errors.CatalogError):
    """The catalogue is not as the caller expected; nothing was changed."""


class ForbiddenError(errors.CatalogError):
    """The caller may not do this."""


#: Errors of the catalogue: kind, title, status. The first class that fits counts.
_KINDS: tuple[tuple[type[errors.CatalogError], str, str, int], ...] = (
    (errors.QueryError, "query", "Wrong query", 400),
    (errors.NotFoundError, "not-found", "Not found", 404),
    (ForbiddenError, "forbidden", "Not allowed", 403),
    (ConflictError, "conflict", "Not as expected", 409),
    (errors.SchemaVersionError, "schema", "Catalogue of another version", 409),
    (errors.ModelMismatchError, "model", "Another model", 409),
    (errors.DatabaseUnavailableError, "database", "Database not available", 503),
    (ThumbBusyError, "busy", "Too much to do", 503),
    (ThumbFailedError, "picture", "No picture", 404),
    (errors.MissingExtraError, "missing-extra", "Part of Kadr not installed", 501),
    (errors.UnsupportedError, "unsupported", "Not supported", 501),
    (errors.CatalogError, "request", "Wrong request", 400),
)
_TITLES = {
    401: ("login", "Log in first"),
    403: ("forbidden", "Not allowed"),
    404: ("not-found", "Not found"),
    405: ("method", "No such method"),
    409: ("conflict", "Not as expected"),
    413: ("too-large", "Request too large"),
    415: ("content-type", "Wrong content type"),
    421: ("host", "Wrong host"),
    429: ("too-many", "Too many tries"),
    503: ("busy", "Too much to do"),
}

_SCHEMA = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_DESCRIBED = {
    400: "Wrong request",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    409: "Not as expected",
    415: "Wrong content type",
    421: "Wrong host",
    422: "Not as described",
    501: "Part of Kadr not installed, or not supported by this database",
    503: "Database not available, or too much to do",
}
#: How the description of every route shows its errors.
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": title, "content": _SCHEMA} for status, title in _DESCRIBED.items()
}


def answer(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return a problem by its HTTP status."""
    kind, title = _TITLES.get(status, ("http", "Request failed"))
    problem = Problem(type=f"/problems/{kind}", title=title, status=status, detail=detail)
    return _response(problem, headers)


def of_error(error: errors.CatalogError) -> Problem:
    """Return an error of the catalogue as a problem."""
    kind, title, status = next(row[1:] for row in _KINDS if isinstance(error, row[0]))
    problem = Problem(type=f"/problems/{kind}", title=title, status=status, detail=str(error))
    if isinstance(error, errors.QueryError):
        problem.position, problem.query = error.position, error.query or None
    return problem


def register(app: FastAPI) -> None:
    """Have the application answer every error as a problem."""
    app.add_exception_handler(errors.CatalogError, _of_catalogue)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(Exception, _of_anything)


def _response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    content = problem.model_dump(exclude_none=True)
    own = {"Cache-Control": "no-store"} | (headers or {})
    return JSONResponse(content, problem.status, own, MEDIA_TYPE)


async def _of_catalogue(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.CatalogError)  # noqa: S101 - registered for nothing else
    after = {"Retry-After": str(error.retry_s)} if isinstance(error, ThumbBusyError) else None
    problem = of_error(error)
    if _wants_page(request):
        return _page(request, problem.status, problem.detail)
    problem.detail = _said(request, problem.detail)
    return _response(problem, after)


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    if _wants_page(request):
        return _page(request, error.status_code, "")
    headers = dict(error.headers or {})
    return answer(error.status_code, str(error.detail), headers)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    if _wants_page(request):
        return _page(request, 404, "")
    found = [
        {"where": ".".join(map(str, each["loc"])), "why": each["msg"]} for each in error.errors()
    ]
    first = found[0] if found else {"where": "request", "why": "not as described"}
    problem = Problem(
        type="/problems/request",
        title="Wrong request",
        status=422,
        detail=f"{first['where']}: {first['why']}; /api/v1/openapi.json describes it",
        errors=found,
    )
    return _response(problem)


def _wants_page(request: Request) -> bool:
    """Return whether a person sees the answer: a browser asked for a page."""
    is_page = not request.url.path.startswith(DATA)
    return is_page and "text/html" in request.headers.get("accept", "")


def _page(request: Request, status: int, detail: str) -> Response:
    from catalog.web.pages import frame  # noqa: PLC0415 - pages answer with problems

    return frame.problem(request, status, detail)


def _said(request: Request, detail: str) -> str:
    """Return an error as a person reads it; scripts, which ask for no language, get English."""
    language = preferences.language_of(request)
    return detail if language == texts.DEFAULT else messages.translate(detail, language)


async def _of_anything(request: Request, error: Exception) -> Response:
    from catalog.web.guard import HEADERS  # noqa: PLC0415 - guard answers with problems

    _log.error("request_failed", path=request.url.path, exc_info=error)
    return _response(
        Problem(
            type="/problems/internal",
            title="Kadr made a mistake",
            status=500,
            detail="the log of `kadr serve` says what happened",
        ),
        HEADERS,
    )
