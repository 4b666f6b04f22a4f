"""Compares what the catalogue holds in several places, and mends what can be made again.

`kadr check` calls it. Nothing that a person decided is ever deleted, and what only a backup can
bring back is named.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from catalog.db.database import Database
from catalog.upkeep import indexes, relations, states
from catalog.upkeep.findings import Check, Found


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not agree."""

    #: What was compared.
    name: str
    #: How many rows, files or places it is about.
    count: int
    #: What is so, in one sentence.
    fact: str
    #: What to do about it; empty if it was mended.
    advice: str
    is_mended: bool
    #: It comes with ordinary use and goes with the next `kadr tag`: nothing is damaged.
    is_routine: bool


def run(
    database: Database, cache_dir: Path, *, mend: bool, others: Iterable[Check] = ()
) -> Iterator[Finding]:
    """Yield what does not agree, mended where `mend` is set and that is possible.

    Args:
        database: The catalogue.
        cache_dir: Where the files of vectors lie.
        mend: Whether to mend.
        others: Further checks, such as those of files on disk.
    """
    for check in (*list_checks(database, cache_dir), *others):
        now = datetime.now(UTC)
        found = _look(database, check, now)
        if found is None:
            continue
        left: Found | None = found
        if mend and check.mend is not None:
            check.mend(database, now)
            left = _look(database, check, now)
        is_mended = left is None
        shown = found if left is None else left
        advice = "" if is_mended else shown.advice or "`kadr check --mend` mends it"
        yield Finding(
            check.name, shown.count, shown.fact, advice, is_mended, is_routine=check.is_routine
        )


def list_checks(database: Database, cache_dir: Path) -> list[Check]:
    """Return the checks in their order: what one mends may be what a later one looks at."""
    return [
        *indexes.of_database(database.engine),
        *relations.checks(),
        *states.checks(),
        *indexes.of_vectors(cache_dir),
    ]


def _look(database: Database, check: Check, now: datetime) -> Found | None:
    with database.read() as session:
        return check.find(session, now)
