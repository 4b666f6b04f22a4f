"""What a check is: it finds what does not agree, and may know how to mend it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from catalog.db.database import Database

#: For what only a backup holds.
RESTORE = "nothing can make it again: `kadr restore` a backup"


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found."""

    count: int
    fact: str
    #: What a person does about it; empty if mending does.
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """Something to compare."""

    name: str
    #: Looks for what does not agree.
    find: Callable[[Session, datetime], Found | None]
    #: Mends it; None where that is not possible.
    mend: Callable[[Database, datetime], None] | None = None
    is_routine: bool = False


def in_transaction(change: Callable[[Session, datetime], object]) -> Callable[..., None]:
    """Return a way to mend that runs in one transaction."""

    def mend(database: Database, now: datetime) -> None:
        with database.write() as session:
            change(session, now)

    return mend


def counted(number: int, one: str, many: str, *, advice: str = "") -> Found | None:
    """Return how many there are in a sentence; None for none. `{}` stands for the number."""
    if not number:
        return None
    return Found(number, (one if number == 1 else many).format(f"{number:,}"), advice)
