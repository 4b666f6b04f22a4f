"""What a person has not decided yet: machine keywords on photos, one keyword at a time.

A machine's confidence is below 1, a person's and a file's is 1: so the ranked index alone knows
which rows wait for a decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, func, literal, select, tuple_
from sqlalchemy.orm import Session

from catalog import cursors
from catalog.db import sql
from catalog.db.sql import alive, as_real
from catalog.db.tables import Decision, Photo, PhotoTag, Tag
from catalog.tags import threshold

Order = Literal["best", "worst"]


@dataclass(frozen=True, slots=True)
class Undecided:
    """A photo that a machine gave a keyword, and nobody decided about it."""

    photo_id: int
    confidence: float


@dataclass(frozen=True, slots=True)
class UndecidedPage:
    """Photos in order of confidence, and where the next page begins."""

    items: tuple[Undecided, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How much was decided about a keyword that machines gave."""

    #: Photos to decide about, in all.
    photos: int
    decided: int
    confirmed: int

    @property
    def precision(self) -> float | None:
        """What part of the decisions say that the machine was right; None before the first."""
        return self.confirmed / self.decided if self.decided else None


@dataclass(frozen=True, slots=True)
class WordToReview:
    """A keyword with undecided photos."""

    tag_id: int
    name: str
    undecided: int
    #: Mean confidence of the undecided ones.
    confidence: float
    progress: Progress


def find_undecided(
    session: Session,
    tag_id: int,
    *,
    low: float | None = None,
    high: float | None = None,
    order: Order = "best",
    limit: int = 100,
    after: str | None = None,
) -> UndecidedPage:
    """Return a page of the undecided photos of a keyword.

    Args:
        session: A session that reads the catalogue.
        tag_id: The keyword.
        low: The least confidence; KADR_MIN_CONFIDENCE if None.
        high: The greatest confidence.
        order: The most confident first, or the least.
        limit: Photos at most.
        after: The cursor of the page before.

    Raises:
        QueryError: The cursor is damaged.
    """
    row = PhotoTag
    query = select(row.photo_id, row.confidence).where(row.tag_id == tag_id, _waits(row, low))
    query = query.where(_is_present(row))
    if high is not None:
        query = query.where(row.confidence <= as_real(high))
    key = tuple_(row.confidence, row.photo_id)
    if after is not None:
        confidence, photo_id = cursors.unpack(after, float, int)
        mark = tuple_(as_real(float(confidence)), literal(int(photo_id)))
        query = query.where(key < mark if order == "best" else key > mark)
    ordered = [row.confidence, row.photo_id]
    query = query.order_by(*([each.desc() for each in ordered] if order == "best" else ordered))
    found = [Undecided(*each) for each in session.execute(query.limit(limit + 1))]
    shown, rest = found[:limit], found[limit:]
    last = shown[-1] if rest and shown else None
    cursor = None if last is None else cursors.pack([last.confidence, last.photo_id])
    return UndecidedPage(tuple(shown), cursor)


def get_progress(session: Session, tag_id: int, *, low: float | None = None) -> Progress:
    """Return how far the review of a keyword is."""
    return _progress_of(session, [tag_id], low).get(tag_id, Progress(0, 0, 0))


def find_words(
    session: Session, *, low: float | None = None, limit: int = 50
) -> list[WordToReview]:
    """Return the keywords whose review gains most.

    That is the number of undecided photos times how close their mean confidence is to one half,
    `n * (1 - |2 * mean - 1|)`: sure keywords are mostly right, and doubtful ones mostly wrong.
    """
    row, photos = PhotoTag, func.count()
    mean = func.avg(row.confidence)
    gain = photos * (literal(1.0) - func.abs(literal(2.0) * mean - literal(1.0)))
    query = select(row.tag_id, photos, mean).where(_waits(row, low)).group_by(row.tag_id)
    found = session.execute(query.order_by(gain.desc(), row.tag_id).limit(limit)).all()
    tag_ids = [tag_id for tag_id, *_ in found]
    names = dict(session.execute(select(Tag.id, Tag.name).where(Tag.id.in_(tag_ids))).all())
    decided = _count_decided(session, tag_ids)
    return [
        WordToReview(
            tag_id,
            names[tag_id],
            undecided,
            round(float(confidence), 4),
            _progress(undecided, decided.get(tag_id, {})),
        )
        for tag_id, undecided, confidence in found
    ]


def find_words_of(session: Session, photo_id: int, *, low: float | None = None) -> list[str]:
    """Return the undecided machine keywords of a photo, the most confident first."""
    row = PhotoTag
    query = select(Tag.name).join(row, row.tag_id == Tag.id)
    query = query.where(row.photo_id == photo_id, _waits(row, low))
    return list(session.scalars(query.order_by(row.confidence.desc(), Tag.name)))


def find_photo(
    session: Session, *, before: int | None = None, low: float | None = None
) -> int | None:
    """Return the newest photo that has undecided machine keywords.

    Args:
        session: A session that reads the catalogue.
        before: Only photos with smaller ids.
        low: The least confidence; KADR_MIN_CONFIDENCE if None.
    """
    row = PhotoTag
    query = select(row.photo_id).where(_waits(row, low), _is_present(row))
    if before is not None:
        query = query.where(row.photo_id < before)
    return session.scalar(query.order_by(row.photo_id.desc()).limit(1))


def count_undecided(
    session: Session, tag_ids: Sequence[int], *, low: float | None = None
) -> dict[int, int]:
    """Return how many photos of each keyword nobody decided about; those without any are left out.

    Rows of decided and of certain keywords are not read: the ranked index answers.
    """
    row = PhotoTag
    found: dict[int, int] = {}
    for chunk in sql.chunks(tag_ids):
        query = select(row.tag_id, func.count()).where(row.tag_id.in_(chunk), _waits(row, low))
        found |= dict(session.execute(query.group_by(row.tag_id)).all())
    return found


def _waits(row: Any, low: float | None) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the SQL condition that a machine gave a keyword and nobody decided about it."""
    least = as_real(threshold.choose(low))
    is_machine = row.confidence < as_real(1.0)
    return and_(alive(row), row.decision.is_(None), is_machine, row.confidence >= least)


def _is_present(row: Any) -> ColumnElement[bool]:  # noqa: ANN401
    gone = select(Photo.missing_since).where(Photo.id == row.photo_id)
    return gone.scalar_subquery().is_(None)


def _progress_of(session: Session, tag_ids: list[int], low: float | None) -> dict[int, Progress]:
    row = PhotoTag
    waiting = select(row.tag_id, func.count()).where(row.tag_id.in_(tag_ids), _waits(row, low))
    undecided = dict(session.execute(waiting.group_by(row.tag_id)).all())
    decided = _count_decided(session, tag_ids)
    return {
        tag_id: _progress(undecided.get(tag_id, 0), decided.get(tag_id, {})) for tag_id in tag_ids
    }


def _count_decided(session: Session, tag_ids: list[int]) -> dict[int, dict[Decision, int]]:
    row = PhotoTag
    query = (
        select(row.tag_id, row.decision, func.count())
        .where(row.tag_id.in_(tag_ids), row.decision.is_not(None), row.score.is_not(None))
        .group_by(row.tag_id, row.decision)
    )
    found: dict[int, dict[Decision, int]] = {}
    for tag_id, decision, count in session.execute(query):
        if decision is not None:
            found.setdefault(tag_id, {})[decision] = count
    return found


def _progress(undecided: int, decided: dict[Decision, int]) -> Progress:
    number = sum(decided.values())
    return Progress(undecided + number, number, decided.get(Decision.CONFIRMED, 0))
