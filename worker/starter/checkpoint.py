"""Owns the state of a run: the student, its running average, the optimiser, the clock.

All of it is in one file, so that a run goes on after a power cut as if nothing had happened.
"""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from worker.starter import parallel
from worker.starter.student import Student

#: Memory of the running average, in steps about 1 / (1 - AVERAGE).
AVERAGE = 0.998
#: The concept vectors start as good ones: they learn slower than the tower.
VECTORS_RATE = 0.2
#: Gradients of a larger norm are shortened to it.
MAX_GRADIENT = 5.0


@dataclass(slots=True)
class Checkpoint:
    """A run's state between two steps."""

    student: Student
    average: Student
    optimiser: torch.optim.Optimizer
    path: Path
    step: int = 0
    seen: int = 0
    elapsed_s: float = 0.0

    @classmethod
    def start(cls, student: Student, weight_decay: float, path: Path) -> "Checkpoint":
        """Begin a run, or go on from ``path`` where it exists."""
        average = copy.deepcopy(student).eval().requires_grad_(requires_grad=False)
        state = cls(student, average, _make_optimiser(student, weight_decay), path)
        if path.exists():
            state._load(torch.load(path, weights_only=True))
        if parallel.get_rank() > 0:  # each process draws its own photos
            torch.manual_seed(state.step * parallel.get_size() + parallel.get_rank())
        return state

    def advance(self, n_photos: int) -> None:
        """Take the optimiser's step, count it, and move the running average."""
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), MAX_GRADIENT)
        self.optimiser.step()
        self.step += 1
        self.seen += n_photos
        # The average must not remember the random start.
        memory = min(AVERAGE, (1 + self.step) / (10 + self.step))
        fresh, kept = self.student.state_dict(), self.average.state_dict()
        floats = [name for name, value in kept.items() if value.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_(
                [kept[name] for name in floats], [fresh[name] for name in floats], 1.0 - memory
            )

    def save(self) -> None:
        """Write the state to ``path``; a write that is cut off leaves the old file."""
        partial = self.path.with_suffix(".partial")
        torch.save(
            {
                "student": self.student.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "random": torch.get_rng_state(),
                "clock": [self.step, self.seen, self.elapsed_s],
            },
            partial,
        )
        partial.replace(self.path)

    def _load(self, saved: dict[str, Any]) -> None:
        self.student.load_state_dict(saved["student"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        torch.set_rng_state(saved["random"])
        self.step, self.seen, self.elapsed_s = saved["clock"]


def load_average(student: Student, path: Path) -> None:
    """Load the running average of a run's checkpoint into ``student``. Raises OSError."""
    student.load_state_dict(torch.load(path, weights_only=True)["average"])


def _make_optimiser(student: Student, weight_decay: float) -> torch.optim.Optimizer:
    vectors = [student.vectors, student.logit_scale, student.logit_bias]
    slow = {id(each) for each in vectors}
    named = [each for each in student.parameters() if id(each) not in slow]
    matrices = [each for each in named if each.ndim > 1]
    rest = [each for each in named if each.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": weight_decay, "rate_factor": 1.0},
        {"params": rest, "weight_decay": 0.0, "rate_factor": 1.0},
        {"params": vectors, "weight_decay": 0.0, "rate_factor": VECTORS_RATE},
    ]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), fused=True)
