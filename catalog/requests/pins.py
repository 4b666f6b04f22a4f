"""Searches that people pinned: kept in the catalogue, so all its browsers show them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy.orm import Session

from catalog.db import remembered
from catalog.errors import OptionError

_KEY = "pins"
MAX_PINS = 50


@dataclass(frozen=True, slots=True)
class Pin:
    """A search, as the address of its page has it."""

    q: str
    #: Empty for keywords, `meaning` for what photos look like.
    by: str = ""
    sort: str = ""


def find_all(session: Session) -> list[Pin]:
    """Return the pinned searches in the order in which they were pinned."""
    found: Sequence[dict[str, str]] = remembered.find(session, _KEY) or ()
    return [Pin(**each) for each in found]


def add(session: Session, pin: Pin) -> None:
    """Pin a search; one that is pinned already stays where it is.

    Raises:
        OptionError: `MAX_PINS` searches are pinned.
    """
    found = find_all(session)
    if pin in found:
        return
    if len(found) >= MAX_PINS:
        raise OptionError(f"{MAX_PINS} searches are pinned; unpin one first")
    _store(session, [*found, pin])


def remove(session: Session, pin: Pin) -> None:
    """Pin a search no longer."""
    _store(session, [each for each in find_all(session) if each != pin])


def _store(session: Session, pins: Sequence[Pin]) -> None:
    remembered.replace(session, _KEY, [asdict(each) for each in pins])
