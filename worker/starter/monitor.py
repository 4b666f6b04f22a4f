"""Owns the figures that a run logs on the way, on photos that it does not learn from."""

import logging

import torch
from torch import Tensor

from worker.starter import crops, metrics
from worker.starter.material import Material
from worker.starter.student import Student

logger = logging.getLogger(__name__)

BATCH = 128


def start_logging() -> None:
    """Show the log on standard error; every process of a run has to ask for it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")


def log_figures(student: Student, material: Material, *, size: int) -> None:
    """Log R@5, R@10, P@5 and first-right of ``student`` on the watched photos.

    ``size`` is that of the crops in training: a tower taught on 64 px is lost on 112.
    """
    scores = score_photos(student, material, material.watched, size=size)
    labels = material.labels[material.watched].numpy()
    figures = metrics.get_ranking_figures(scores.numpy(), labels)
    logger.info("starter.watched %s", " ".join(f"{k}={v:.3f}" for k, v in figures.items()))


def score_photos(student: Student, material: Material, rows: Tensor, *, size: int) -> Tensor:
    """Return the concept logits (n_rows, n_concepts) float32 of the rows' centre squares."""
    student.eval()
    scores = []
    with torch.no_grad():
        for batch in torch.split(rows, BATCH):
            boxes = crops.get_centre_boxes(material.aspects[batch])
            scores.append(student(crops.cut(material.squares[batch.numpy()], boxes, size)).concepts)
    return torch.cat(scores)
