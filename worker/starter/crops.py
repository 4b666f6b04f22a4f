"""Owns the random crops: where they lie, how they are cut, and what the teacher saw there.

Crops are boxes x0, y0, x1, y1 in fractions of the photo, (batch, 4) float32.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from worker.starter.teacher import Teacher

#: Share of the crops that are exactly what the teacher saw.
VIEW_SHARE = 0.5
#: How sharply the teacher's views are weighted by their overlap with the crop.
OVERLAP_SHARPNESS = 10.0


def draw_boxes(aspects: Tensor, *, min_area: float) -> Tensor:
    """Draw a crop per photo: a share of its area from ``min_area`` to 1, about square.

    ``aspects`` is width/height (batch,) float32.
    """
    n = len(aspects)
    area = min_area + (1.0 - min_area) * torch.rand(n)
    ratio = torch.exp((torch.rand(n) * 2 - 1) * 0.29)
    width = (area * ratio / aspects).sqrt().clamp_max(1.0)
    height = (area * aspects / ratio).sqrt().clamp_max(1.0)
    left, top = torch.rand(n) * (1 - width), torch.rand(n) * (1 - height)
    return torch.stack([left, top, left + width, top + height], 1)


def swap_views(boxes: Tensor, views: Tensor) -> Tensor:
    """Take one of the teacher's own views (batch, n_views, 4) in place of some of the crops.

    What the teacher said of a view is true of that view alone (Beyer et al. 2022, "Knowledge
    distillation: a good teacher is patient and consistent"); other crops bring the variety.
    """
    chosen = views[torch.arange(len(views)), torch.randint(views.shape[1], (len(views),))]
    return torch.where(torch.rand(len(views), 1) < VIEW_SHARE, chosen, boxes)


def get_centre_boxes(aspects: Tensor) -> Tensor:
    """Return the largest centred square of each photo, as the model sees it when tagging."""
    width, height = (1 / aspects).clamp_max(1.0), aspects.clamp_max(1.0)
    half = torch.stack([width, height], 1) / 2
    return torch.cat([0.5 - half, 0.5 + half], 1)


def cut(
    squares: NDArray[np.uint8], boxes: Tensor, size: int, *, flip: Tensor | None = None
) -> Tensor:
    """Cut boxes out of squashed photos.

    ``squares`` (batch, side, side, 3) uint8; returns (batch, 3, size, size) float32 in [0, 1],
    channels last in memory. ``flip`` (batch,) bool mirrors left to right.
    """
    scaled = (boxes * squares.shape[1]).tolist()
    cropped = np.empty((len(squares), size, size, 3), np.uint8)
    for row, (square, box) in enumerate(zip(squares, scaled, strict=True)):
        # Pillow smooths while it shrinks, as it will when the model tags; a bilinear
        # sampler would show the tower edges that it never meets again.
        photo = Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR, box=box)
        cropped[row] = np.asarray(photo)
    pixels = torch.from_numpy(cropped).permute(0, 3, 1, 2).float().div_(255.0)
    return pixels if flip is None else torch.where(flip.view(-1, 1, 1, 1), pixels.flip(3), pixels)


def get_class_targets(teacher: Teacher, rows: Tensor, boxes: Tensor) -> Tensor:
    """Return the teacher's class shares for crops, (batch, n_classes) float32 summing to 1.

    Each crop takes the views that overlap it most: a target for the whole photo would name
    things that the crop has cut away.
    """
    overlap = _get_overlaps(boxes, teacher.boxes[rows])
    weight = (overlap * OVERLAP_SHARPNESS).softmax(1)
    shares = torch.zeros(len(rows), len(teacher.class_to_concept))
    seen = teacher.probabilities[rows] * weight[:, :, None]
    shares.scatter_add_(1, teacher.classes[rows].flatten(1), seen.flatten(1))
    return shares / shares.sum(1, keepdim=True)


def _get_overlaps(boxes: Tensor, views: Tensor) -> Tensor:
    crops = boxes[:, None, :]
    low = torch.maximum(crops[..., :2], views[..., :2])
    high = torch.minimum(crops[..., 2:], views[..., 2:])
    shared = (high - low).clamp_min(0).prod(-1)
    union = _get_area(crops) + _get_area(views) - shared
    return shared / union.clamp_min(1e-6)


def _get_area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).prod(-1)
