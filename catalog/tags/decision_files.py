"""Exports and imports a person's decisions: one JSON object per line, photos named by sha256.

`kadr keyword export` and `import` call it, to move decisions to another catalogue of the same
photos.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import Decision, Photo, PhotoTag, Tag
from catalog.errors import DecisionFileError
from catalog.tags import decisions, store


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import."""

    changed: int
    #: Photos in the file that this catalogue does not have.
    unknown_photos: int


def export(session: Session) -> Iterator[str]:
    """Yield one line per decision, in an order that does not depend on ids."""
    query = (
        select(Photo.sha256, Tag.name, PhotoTag.decision)
        .join(PhotoTag, PhotoTag.photo_id == Photo.id)
        .join(Tag, Tag.id == PhotoTag.tag_id)
        .where(PhotoTag.decision.is_not(None))
        .order_by(Photo.sha256, Tag.key)
    )
    for sha256, word, decision in session.execute(query):
        entry = {"photo": sha256.hex(), "keyword": word, "decision": str(decision)}
        yield json.dumps(entry, ensure_ascii=False)


def read(
    session: Session,
    lines: Iterable[str],
    *,
    now: datetime,
    look_up: store.LookUp = store.nothing_known,
) -> Imported:
    """Import decisions; they replace those that the catalogue has about the same keywords.

    Raises:
        DecisionFileError: A line is not a decision; the caller must roll back.
    """
    wanted: dict[tuple[Decision, str], list[bytes]] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            decision, word, sha256 = _parse(line, number)
            wanted.setdefault((decision, word), []).append(sha256)
    changed = unknown = 0
    for (decision, word), digests in wanted.items():
        photo_ids = _photo_ids(session, digests)
        unknown += len(set(digests)) - len(photo_ids)
        decide = decisions.add if decision == Decision.CONFIRMED else decisions.reject
        changed += decide(session, photo_ids, [word], now=now, look_up=look_up).changed
    return Imported(changed, unknown)


def _parse(line: str, number: int) -> tuple[Decision, str, bytes]:
    try:
        entry: dict[str, Any] = json.loads(line)
        word, sha256 = str(entry["keyword"]), bytes.fromhex(entry["photo"])
        return Decision(entry["decision"]), word, sha256
    except (ValueError, KeyError, TypeError) as error:
        raise DecisionFileError(
            f"line {number} is not a decision ({error}); export them with `kadr keyword export`"
        ) from error


def _photo_ids(session: Session, digests: Iterable[bytes]) -> list[int]:
    found: list[int] = []
    for chunk in sql.chunks(dict.fromkeys(digests)):
        found += session.scalars(select(Photo.id).where(Photo.sha256.in_(chunk)))
    return found
