"""Decides which similarities count as found and which are due to chance.

Both indexes call it. The best of a million photos always looks a little like any query, so a cut is
needed. Most of a catalogue's similarities to one query are taken as chance: a normal distribution
around their median. The cut keeps as many of the greatest similarities as possible such that at
most `FALSE_PART` of them are expected to be due to chance (Benjamini and Hochberg 1995,
doi:10.1111/j.2517-6161.1995.tb02031.x, with an empirical null).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: The expected part of the found photos that are due to chance.
FALSE_PART = 0.01
#: With fewer photos chance cannot be estimated, and there is no cut.
LEAST_PHOTOS = 20


@dataclass(frozen=True, slots=True)
class Chance:
    """The normal distribution of similarities of photos that do not match a query."""

    middle: float
    spread: float

    @classmethod
    def of(cls, similarities: NDArray[np.float32]) -> "Chance":
        """Return the distribution fitted to the lower half of similarities (n,).

        Matches are all in the upper half.
        """
        low, middle = np.percentile(similarities, [15.87, 50])
        return cls(float(middle), max(float(middle - low), 1e-6))

    def find_cut(self, best: NDArray[np.float32], total: int) -> float:
        """Return the least of the `best` (n,), falling, of `total` that chance does not explain."""
        from scipy import special  # noqa: PLC0415 - slow, and only searches by likeness need it

        explained = special.ndtr(-(best - self.middle) / self.spread)
        passed = np.flatnonzero(explained <= FALSE_PART * np.arange(1, len(best) + 1) / total)
        return float(best[passed[-1]]) if passed.size else np.inf


def find_cut(similarities: NDArray[np.float32]) -> float:
    """Return the least similarity that counts as found; infinity if none does."""
    if len(similarities) < LEAST_PHOTOS:
        return -np.inf
    chance = Chance.of(similarities)
    best = -np.sort(-similarities[similarities > chance.middle + chance.spread])
    return chance.find_cut(best, len(similarities))
