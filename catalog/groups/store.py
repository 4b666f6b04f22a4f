"""Owns the kept groups of a catalogue: their numbers, names and keywords.

`catalog.groups.kinds` saves them when they are made anew.
"""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from catalog.db import remembered

_KEY = "groups"


@dataclass(frozen=True, slots=True)
class Definition:
    """A group's number, name and keywords, without its photos."""

    number: int
    name: str
    tag_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Definitions:
    """All groups, as they were made."""

    detail: float
    #: By number, from 1; the largest comes first.
    groups: tuple[Definition, ...]


def find(session: Session) -> Definitions | None:
    """Return the kept groups, or None if none were ever made."""
    value = remembered.find(session, _KEY)
    return None if value is None else _from_json(value)


def save(session: Session, definitions: Definitions) -> None:
    """Replace the kept groups."""
    remembered.replace(session, _KEY, asdict(definitions))


def _from_json(value: dict[str, Any]) -> Definitions:
    groups = (Definition(g["number"], g["name"], tuple(g["tag_ids"])) for g in value["groups"])
    return Definitions(value["detail"], tuple(groups))
