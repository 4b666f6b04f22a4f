"""Says whether the process lives (`/healthz`) and whether it can do its work (`/readyz`)."""

import os
import time
from dataclasses import dataclass

from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import PlainTextResponse, Response

from catalog.db import database as databases
from catalog.db.database import Database
from catalog.db.tables import HEAD_REVISION
from catalog.errors import CatalogError
from catalog.photos import roots
from catalog.web import context, problems

#: A database that takes longer for a trifle is not ready.
SLOW_S = 0.2

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is wrong, in sentences; nothing if all is well."""

    faults: tuple[str, ...]


@router.get("/healthz")
async def healthz() -> PlainTextResponse:
    """Answer as long as the process does; nothing else is looked at."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """Answer whether the database, its tables and the folders are as they have to be."""
    found = check(context.of(request).database)
    if found.faults:
        return problems.answer(503, "; ".join(found.faults))
    return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})


def check(database: Database) -> Readiness:
    """Return what keeps a process from doing its work."""
    begun = time.monotonic()
    try:
        revision = databases.current_revision(database.engine)
        with database.read() as session:
            known = roots.find_paths(session)
    except (CatalogError, SQLAlchemyError):
        return Readiness(("the database cannot be reached",))
    took = time.monotonic() - begun
    faults = []
    if revision != HEAD_REVISION:
        faults.append("the catalogue is of another version; run `kadr db upgrade`")
    if took > SLOW_S:
        faults.append(f"the database took {took:.1f} s")
    away = sum(not os.access(path, os.R_OK | os.X_OK) for path in known)
    if away:
        faults.append(f"{away} of {len(known)} folders cannot be read here")
    return Readiness(tuple(faults))
