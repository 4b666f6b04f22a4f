"""Owns what a teacher says of the photos: its features, its classes, and concepts from both.

The training reads one :class:`Teacher`; without teacher files every part of it is ``None``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Teacher:
    """A teacher's outputs for every photo of the index, in index order.

    ``features`` (n, n_features) float32, standardised; ``classes`` (n, 4, 20) int64 and
    ``probabilities`` (n, 4, 20) float32 of the four views; ``boxes`` (n, 4, 4) float32 as
    x0, y0, x1, y1 in fractions; ``class_to_concept`` (n_classes, n_concepts) float32.
    """

    features: Tensor
    classes: Tensor
    probabilities: Tensor
    boxes: Tensor
    class_to_concept: Tensor

    def map_to_concepts(self, *, views: tuple[int, ...] = (0, 1, 2, 3)) -> Tensor:
        """Return the teacher's own word on the concepts, (n, n_concepts) float32 in [0, 1]."""
        chosen = list(views)
        n_photos, n_classes = len(self.classes), len(self.class_to_concept)
        shares = torch.zeros(n_photos, n_classes)
        classes, share = self.classes[:, chosen], self.probabilities[:, chosen] / len(chosen)
        shares.scatter_add_(1, classes.flatten(1), share.flatten(1))
        return (shares @ self.class_to_concept).clamp_(0.0, 1.0)


def read_teacher(data: Path, n_concepts: int) -> Teacher | None:
    """Read ``data/teacher``; return ``None`` where there is none."""
    folder = data / "teacher"
    if not folder.exists():
        return None
    with np.load(folder / "imagenet_top20.npz") as top:
        logits = top["logits"].astype(np.float32)
        probabilities = np.exp(logits - top["logsumexp"][:, :, None])
        classes, boxes = top["classes"].astype(np.int64), top["boxes"].astype(np.float32)
    return Teacher(
        features=torch.from_numpy(_read_features(folder)),
        classes=torch.from_numpy(classes),
        probabilities=torch.from_numpy(probabilities),
        boxes=torch.from_numpy(boxes),
        class_to_concept=torch.from_numpy(_read_mapping(folder, n_concepts)),
    )


def _read_features(folder: Path) -> NDArray[np.float32]:
    with np.load(folder / "features_center.npz") as stored:
        features = stored["features"].astype(np.float32) * stored["scale"]
    spread = features.std(0) + 1e-6
    standardised: NDArray[np.float32] = (features - features.mean(0)) / spread
    return standardised.clip(-5.0, 5.0)


def _read_mapping(folder: Path, n_concepts: int) -> NDArray[np.float32]:
    with np.load(folder / "imagenet_to_concept.npz") as pairs:
        mapping = np.zeros((1000, n_concepts), np.float32)
        mapping[pairs["imagenet_class"], pairs["concept"]] = pairs["weight"]
    return mapping
