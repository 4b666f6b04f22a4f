"""Owns the plan of a training run: crop size, crop area, mixing and learning rate by progress.

Progress runs from 0 to 1, by the clock or by steps, so a run ends on time on any machine.
"""

import math
from dataclasses import dataclass

#: Lowest learning rate, and the share of the run that warms up.
LAST_RATE = 1e-5
WARM_UP = 0.03


@dataclass(frozen=True, slots=True)
class Phase:
    """How crops are made until ``until`` of the run: small and wild first, large and calm last."""

    until: float
    size: int
    min_area: float
    mixed_share: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """The phases of a run in order, and its highest learning rate."""

    phases: tuple[Phase, ...]
    peak_rate: float

    @property
    def last_size(self) -> int:
        """Side in pixels of the last crops: what the finished model looks at."""
        return self.phases[-1].size

    def get_phase(self, progress: float) -> Phase:
        """Return the phase of the run at ``progress``."""
        return next(phase for phase in self.phases if progress < phase.until)

    def get_learning_rate(self, progress: float) -> float:
        """Return the learning rate at ``progress``: a linear warm-up, then half a cosine."""
        if progress < WARM_UP:
            return self.peak_rate * max(progress, 1e-4) / WARM_UP
        fall = 0.5 * (1.0 + math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1.0 - WARM_UP))))
        return LAST_RATE + (self.peak_rate - LAST_RATE) * fall


#: From random weights.
FROM_SCRATCH = Schedule(
    phases=(
        Phase(until=0.30, size=64, min_area=0.25, mixed_share=0.5),
        Phase(until=0.62, size=80, min_area=0.25, mixed_share=0.4),
        Phase(until=0.84, size=96, min_area=0.30, mixed_share=0.4),
        Phase(until=1.01, size=96, min_area=0.45, mixed_share=0.0),
    ),
    peak_rate=2e-3,
)
#: From a finished folder, which has seen small crops enough.
CONTINUED = Schedule(
    phases=(
        Phase(until=0.62, size=96, min_area=0.25, mixed_share=0.5),
        Phase(until=0.86, size=112, min_area=0.30, mixed_share=0.4),
        Phase(until=1.01, size=112, min_area=0.45, mixed_share=0.0),
    ),
    peak_rate=1.2e-3,
)
