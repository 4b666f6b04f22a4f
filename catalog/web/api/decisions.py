"""Routes with which a person or a script decides about keywords, and takes it back."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from pydantic import BaseModel, Field, model_validator

from catalog.requests import answered, jobs
from catalog.tags import decisions
from catalog.web import context, deciding, guard
from catalog.web import jobs as running
from catalog.web.api.shapes import PhotoId, Shape, Storable, Word
from catalog.web.deciding import Action, Asked

router = APIRouter(tags=["decisions"], dependencies=[Depends(guard.require_decide)])

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="A repetition under the same key changes nothing and gets the same answer.",
    ),
]


class DecisionShape(BaseModel):
    """A decision about photos, or about what a query finds."""

    action: Action
    words: Annotated[list[Word], Field(min_length=1, max_length=50)]
    photos: Annotated[list[PhotoId], Field(max_length=deciding.AT_ONCE)] = []
    query: Annotated[str | None, Field(max_length=2000), Storable] = None
    #: With a query: how many photos it found when the person decided.
    expect: Annotated[int | None, Field(ge=0, le=10**12)] = None

    @model_validator(mode="after")
    def _is_about_one(self) -> Self:
        if (self.query is None) == (not self.photos):
            raise ValueError("name either photos or a query")
        if self.query is not None and self.expect is None:
            raise ValueError("with a query say how many photos you expect")
        return self


class ChangeShape(Shape):
    """What a decision changed."""

    #: For undo; empty if nothing changed.
    change_id: str
    #: Keywords on photos.
    changed: int
    photos: int
    #: Words that are aliases, and the keyword that each stands for.
    meant: dict[str, str] = Field(default_factory=dict)


class AcceptedShape(Shape):
    """Work that goes on: ask /jobs/{job}."""

    job: str


_RESPONSES: dict[int | str, dict[str, Any]] = {202: {"model": AcceptedShape}}


@router.post("/decisions", responses=_RESPONSES)
def decide(
    request: Request, response: Response, body: DecisionShape, key: Key = None
) -> ChangeShape | AcceptedShape:
    """Add, confirm, reject or remove keywords; above 10,000 photos the answer is a job."""
    web, viewer = context.of(request), guard.get_viewer(request)
    asked = Asked(body.action, body.words, body.photos, body.query, body.expect)
    kept = None if key is None else answered.key_of(viewer.name, key)
    with web.database.write() as session:
        answer = deciding.decide(
            session, asked, now=datetime.now(UTC), look_up=web.services.look_up, key=kept
        )
    return _answer(web, response, answer)


@router.post("/decisions/{change}/undo", responses=_RESPONSES)
def undo(
    request: Request,
    response: Response,
    change: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")],
) -> ChangeShape | AcceptedShape:
    """Take a decision back."""
    web, now = context.of(request), datetime.now(UTC)
    with web.database.write() as session:
        if decisions.count_standing(session, change) > deciding.AT_ONCE:
            job = jobs.add(session, running.UNDO, {"change": change}, now=now)
            answer: dict[str, Any] = {"job": job}
        else:
            undone = decisions.undo(session, now=now, change_id=change)
            answer = {
                "change_id": undone.change_id,
                "changed": undone.changed,
                "photos": undone.photos,
            }
    return _answer(web, response, answer)


def _answer(
    web: context.Web, response: Response, answer: dict[str, Any]
) -> ChangeShape | AcceptedShape:
    if "job" not in answer:
        return ChangeShape(**answer)
    response.status_code = 202
    web.jobs.wake()
    return AcceptedShape(**answer)
