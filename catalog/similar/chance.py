"""Which similarities count as found, and which chance explains.

What is not there must not be found: the best of a million photos always looks a little like
anything. A catalogue's similarities to one query are taken as mostly chance, around their median;
as many of the greatest count as found as chance explains no more than one in a hundred of
(Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x, with an empirical null).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

#: Of photos that are found, the part that chance may have brought.
FALSE_PART = 0.01
#: With fewer photos there is no telling what is chance: the best are shown as they are.
LEAST_PHOTOS = 20


@dataclass(frozen=True, slots=True)
class Chance:
    """How alike photos are to a query that have nothing to do with it: a normal curve."""

    middle: float
    spread: float

    @classmethod
    def of(cls, similarities: NDArray[np.float32]) -> "Chance":
        """Fit the curve to the lower half of similarities (n,), which knows no matches."""
        low, middle = np.percentile(similarities, [15.87, 50])
        return cls(float(middle), max(float(middle - low), 1e-6))

    def find_cut(self, best: NDArray[np.float32], total: int) -> float:
        """Give the least of the `best` (n,), falling, of `total` that chance does not explain."""
        explained = special.ndtr(-(best - self.middle) / self.spread)
        passed = np.flatnonzero(explained <= FALSE_PART * np.arange(1, len(best) + 1) / total)
        return float(best[passed[-1]]) if passed.size else np.inf


def find_cut(similarities: NDArray[np.float32]) -> float:
    """Give the least similarity that counts as found; more than any where nothing does."""
    if len(similarities) < LEAST_PHOTOS:
        return -np.inf
    chance = Chance.of(similarities)
    best = -np.sort(-similarities[similarities > chance.middle + chance.spread])
    return chance.find_cut(best, len(similarities))
