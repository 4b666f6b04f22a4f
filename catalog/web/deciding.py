"""Decisions that come by the API: about named photos or a query's, small at once, large as jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from catalog import query
from catalog.requests import answered, jobs
from catalog.tags import decisions, store
from catalog.tags.decisions import Change
from catalog.web.problems import ConflictError

#: A decision about more photos than this is a job.
AT_ONCE = 10_000
#: How far the number of photos may be from what the person saw.
_TOLERANCE = 0.01

Action = Literal["add", "confirm", "reject", "remove"]
JOB = "decide"


@dataclass(frozen=True, slots=True)
class Asked:
    """A decision: either about photos or about what a query finds."""

    action: Action
    words: Sequence[str]
    photos: Sequence[int] = ()
    query: str | None = None
    #: How many photos the person saw that the query finds.
    expect: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as a job keeps it."""
        return {
            "action": self.action,
            "words": list(self.words),
            "photos": list(self.photos),
            "query": self.query,
            "expect": self.expect,
        }


def decide(
    session: Session,
    asked: Asked,
    *,
    now: datetime,
    look_up: store.LookUp,
    key: str | None = None,
) -> dict[str, Any]:
    """Carry a decision out, or store a job that will; return the answer to the client.

    Args:
        session: The caller's transaction.
        asked: The decision.
        now: The time.
        look_up: What vocabularies know of new words.
        key: Under which a repetition of this request gets the same answer.

    Raises:
        ConflictError: The query finds another number of photos than expected.
        NotFoundError: A word to confirm or remove is not a keyword.
        QueryError: The query is wrong.
    """
    body = asked.to_json()
    if key is not None and (known := answered.find(session, key, body)) is not None:
        return known
    photo_ids = _find_photos(session, asked)
    if len(photo_ids) > AT_ONCE:
        answer: dict[str, Any] = {"job": jobs.add(session, JOB, body, now=now)}
    else:
        answer = _to_json(_apply(session, asked, photo_ids, now, look_up))
    if key is not None:
        answered.note(session, key, body, answer, now=now)
    return answer


def run_job(
    session: Session, asked: Mapping[str, Any], *, now: datetime, look_up: store.LookUp
) -> dict[str, Any]:
    """Carry a large decision out, in one transaction: all of it or nothing."""
    wanted = Asked(**asked)
    photo_ids = _find_photos(session, wanted)
    return _to_json(_apply(session, wanted, photo_ids, now, look_up))


def _find_photos(session: Session, asked: Asked) -> Sequence[int]:
    if asked.query is None:
        return asked.photos
    found = query.find_ids(session, asked.query)
    if asked.expect is not None and abs(len(found) - asked.expect) > _TOLERANCE * asked.expect:
        raise ConflictError(
            f"the query finds {len(found):,} photos now, not {asked.expect:,}; look again"
        )
    return found


def _apply(
    session: Session,
    asked: Asked,
    photo_ids: Sequence[int],
    now: datetime,
    look_up: store.LookUp,
) -> Change:
    photo_ids = decisions.find_existing(session, photo_ids)
    match asked.action:
        case "add":
            return decisions.add(session, photo_ids, asked.words, now=now, look_up=look_up)
        case "reject":
            return decisions.reject(session, photo_ids, asked.words, now=now, look_up=look_up)
        case "confirm":
            return decisions.confirm(session, photo_ids, asked.words, now=now)
        case "remove":
            return decisions.remove(session, photo_ids, asked.words, now=now)


def _to_json(change: Change) -> dict[str, Any]:
    return {
        "change_id": change.change_id,
        "changed": change.changed,
        "photos": change.photos,
        "meant": dict(change.meant),
    }
