"""How often a keyword was right, by the confidence that the machine had in it.

A decision overwrites the confidence with 1 or 0. What it was is in the photo's history, where the
decision noted the row that it changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import Decision, PhotoEvent, PhotoTag
from catalog.photos.history import EventKind

#: Where one band ends and the next begins.
EDGES = (0.2, 0.4, 0.6, 0.8)
#: Of more decisions than this the newest photos' are counted.
COUNTED = 2_000


@dataclass(frozen=True, slots=True)
class Band:
    """Decisions about a keyword whose confidence was in [low, high); the last band includes 1."""

    low: float
    high: float
    decided: int
    confirmed: int

    @property
    def precision(self) -> float:
        """What part of the decisions say that the machine was right."""
        return self.confirmed / self.decided


def find_bands(session: Session, tag_id: int) -> list[Band]:
    """Return the bands in which anything was decided about a keyword, the surest first."""
    decided = select(PhotoTag.photo_id, PhotoTag.decision).where(
        PhotoTag.tag_id == tag_id, PhotoTag.decision.is_not(None), PhotoTag.score.is_not(None)
    )
    newest = decided.order_by(PhotoTag.photo_id.desc()).limit(COUNTED)
    decisions = dict(session.execute(newest).all())
    found: dict[int, list[bool]] = {}
    for photo_id, confidence in _confidences(session, tag_id, decisions).items():
        band = sum(confidence >= edge for edge in EDGES)
        found.setdefault(band, []).append(decisions[photo_id] is Decision.CONFIRMED)
    ends = (0.0, *EDGES, 1.0)
    return [
        Band(ends[band], ends[band + 1], len(said), sum(said))
        for band, said in sorted(found.items(), reverse=True)
    ]


def _confidences(session: Session, tag_id: int, photo_ids: Iterable[int]) -> dict[int, float]:
    """Return the confidence that the keyword had on each photo before a person decided about it."""
    found: dict[int, float] = {}
    for chunk in sql.chunks(list(photo_ids)):
        of_photos = PhotoEvent.photo_id.in_(chunk) & (PhotoEvent.kind == EventKind.DECIDED.value)
        events = select(PhotoEvent.photo_id, PhotoEvent.detail).where(of_photos)
        for photo_id, detail in session.execute(events.order_by(PhotoEvent.id)):
            for entry in (detail or {}).get("keywords", ()):
                before = entry["before"]
                if entry["tag"] == tag_id and before is not None and before["decision"] is None:
                    found[photo_id] = before["confidence"]
    return found
