"""Keeps the groups of a catalogue: their numbers, names and keywords, until they are made anew."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from catalog.db import remembered

_KEY = "groups"


@dataclass(frozen=True, slots=True)
class Definition:
    """What a group is, whoever is in it."""

    number: int
    name: str
    tag_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Definitions:
    """All groups as they were made."""

    detail: float
    #: By number, from 1 on; the largest came first.
    groups: tuple[Definition, ...]


def find(session: Session) -> Definitions | None:
    """Return the groups that were kept; None if none were ever made."""
    value = remembered.find(session, _KEY)
    return None if value is None else _from_json(value)


def save(session: Session, definitions: Definitions) -> None:
    """Keep groups in place of those there were."""
    remembered.replace(session, _KEY, asdict(definitions))


def _from_json(value: dict[str, Any]) -> Definitions:
    groups = (Definition(g["number"], g["name"], tuple(g["tag_ids"])) for g in value["groups"])
    return Definitions(value["detail"], tuple(groups))
