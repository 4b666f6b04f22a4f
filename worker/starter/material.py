"""Owns gathering what a run learns from: every process of a run reads it anew, from a cache."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.starter import cache, targets
from worker.starter import teacher as teachers
from worker.starter.index import Index
from worker.starter.teacher import Teacher


@dataclass(frozen=True, slots=True)
class Material:
    """All that a run learns from, row by row in index order.

    ``squares`` (n, side, side, 3) uint8, ``aspects`` (n,) float32, ``targets``
    (n, n_concepts) float32, ``weights`` (n,) float32 how often each photo is drawn, ``watched``
    the rows whose figures are logged, with their ``labels`` (n, n_concepts).
    """

    squares: NDArray[np.uint8]
    aspects: Tensor
    targets: Tensor
    weights: Tensor
    teacher: Teacher | None
    labels: Tensor
    watched: Tensor


def gather(index: Index, data: Path, work: Path) -> Material:
    """Read the photos, the teacher and the targets; what is slow to make is kept in ``work``."""
    squares, aspects = cache.get_squares(index, work)
    teacher = teachers.read_teacher(data, len(index.concepts))
    return Material(
        squares=squares,
        aspects=torch.from_numpy(aspects),
        targets=targets.get_targets(index, teacher, work),
        weights=targets.get_draw_weights(index),
        teacher=teacher,
        labels=torch.from_numpy(index.get_labels()),
        watched=torch.from_numpy(index.get_rows("holdout")),
    )
