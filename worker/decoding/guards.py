"""The limits under which photos are opened: per photo, and for all that are opened at once."""

from dataclasses import dataclass, field
from typing import Self

from worker.decoding import budget
from worker.images import Limits
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Guards:
    """Limits of one photo, seconds for one, and memory for all processes together."""

    limits: Limits = field(default_factory=Limits)
    seconds: float = 30.0
    memory_bytes: int = field(default_factory=budget.default_bytes)
    #: Processes, which is how many photos are open at once.
    processes: int = 4

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what the settings ask for."""
        memory = settings.decode_memory or budget.default_bytes()
        return cls(
            Limits(
                settings.max_pixels,
                settings.max_bytes,
                takes_truncated=settings.truncated == "tag",
            ),
            settings.decode_seconds,
            memory,
            settings.decode_threads,
        )
