"""Knows the broader words of every keyword: "animal", "dog" above "beagle".

`catalog.export` and the writer of sidecars ask it for the path of a keyword.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import Tag

#: Longer chains of broader words are cut at their broad end.
MAX_LEVELS = 8


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """All keywords of a catalogue by id, each with the id of its broader word."""

    names: Mapping[int, str]
    parents: Mapping[int, int]

    def path(self, tag_id: int) -> tuple[str, ...]:
        """Return a keyword with its broader words, the broadest first: `("animal", "dog")`."""
        return tuple(self.names[each] for each in reversed(self.upwards(tag_id)))

    def upwards(self, tag_id: int) -> list[int]:
        """Return the ids of a keyword and its broader words, the keyword itself first."""
        found = [tag_id]
        while len(found) < MAX_LEVELS:
            above = self.parents.get(found[-1])
            if above is None or above in found or above not in self.names:
                break
            found.append(above)
        return found


def load(session: Session, tag_ids: Iterable[int] | None = None) -> Hierarchy:
    """Read keywords with their broader words; all for None, which may take some megabytes."""
    query = select(Tag.id, Tag.name, Tag.parent_id)
    if tag_ids is None:
        return _of(session.execute(query).all())
    rows: dict[int, Any] = {}
    left = set(tag_ids)
    while left:
        for chunk in sql.chunks(sorted(left)):
            rows |= {row.id: row for row in session.execute(query.where(Tag.id.in_(chunk)))}
        left = {row.parent_id for row in rows.values() if row.parent_id is not None} - rows.keys()
    return _of(rows.values())


def _of(rows: Iterable[Any]) -> Hierarchy:
    known = list(rows)
    parents = {row.id: row.parent_id for row in known if row.parent_id is not None}
    return Hierarchy({row.id: row.name for row in known}, parents)
