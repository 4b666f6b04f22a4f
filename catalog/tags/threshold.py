"""The threshold: the least confidence at which a keyword counts.

Searches, counts, lists of tags and groups apply it when they run, so changing KADR_MIN_CONFIDENCE
needs no new scoring. Keywords from people and files have a confidence of 1. A query that states a
confidence (`dog^0.02`, `confidence:>0.5`) replaces the threshold.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, and_, literal_column

from catalog import settings
from catalog.db.sql import alive, as_real
from catalog.settings import DEFAULT_MIN_CONFIDENCE

DEFAULT = DEFAULT_MIN_CONFIDENCE


def choose(least: float | None = None) -> float:
    """Return `least` if it is given, else the threshold from KADR_MIN_CONFIDENCE."""
    return settings.load().min_confidence if least is None else least


@lru_cache(maxsize=100)
def counts(row: Any, least: float, *, is_ranked: bool = False) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the SQL condition that a keyword was not rejected and reaches the threshold.

    `is_ranked` is True where rows are read in order of confidence; see `confidence_of`. A search
    asks for the same few conditions a dozen times, and each takes a tenth of a millisecond to make.
    """
    return and_(alive(row), confidence_of(row, is_ranked=is_ranked) >= as_real(least))


def confidence_of(row: Any, *, is_ranked: bool = False) -> ColumnElement[float]:  # noqa: ANN401
    """Return the confidence expression; adding 0 hides it from the ranked index.

    With the bare column, SQLite would look up one photo's keyword by scanning a range of the ranked
    index (half of the photos of a common keyword) instead of the one row of the primary key.
    """
    column: ColumnElement[float] = row.confidence
    return column if is_ranked else column + literal_column("0")
