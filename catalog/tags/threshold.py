"""How sure a keyword must be to count: chosen when a search is made, so changing it costs nothing.

People's and files' own keywords have a confidence of 1. A query that speaks of confidence itself
(`dog^0.02`, `confidence:>0.5`) is taken at its word.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, literal_column

from catalog import settings
from catalog.db.sql import alive, as_real
from catalog.settings import DEFAULT_MIN_CONFIDENCE

DEFAULT = DEFAULT_MIN_CONFIDENCE


def choose(least: float | None = None) -> float:
    """Return a threshold that is given, else the one of KADR_MIN_CONFIDENCE."""
    return settings.load().min_confidence if least is None else least


def counts(row: Any, least: float, *, is_ranked: bool = False) -> ColumnElement[bool]:  # noqa: ANN401
    """Say that a keyword was not rejected and is sure enough.

    `is_ranked` says that rows are read in the order of confidence: see `confidence_of`.
    """
    return and_(alive(row), confidence_of(row, is_ranked=is_ranked) >= as_real(least))


def confidence_of(row: Any, *, is_ranked: bool = False) -> ColumnElement[float]:  # noqa: ANN401
    """Give the confidence to compare, for the ranked index to find or hidden from it.

    For one photo's keyword SQLite would take a range of the ranked index, half of a common
    keyword's photos, before the one row of the primary key.
    """
    column: ColumnElement[float] = row.confidence
    return column if is_ranked else column + literal_column("0")
