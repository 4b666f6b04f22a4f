"""Owns the training run of the image tower: batches, steps, averaging, checkpoints.

A run that was stopped goes on from its last checkpoint in the work folder.
"""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from worker.starter import augment, crops, losses, monitor, parallel, schedule, targets
from worker.starter.checkpoint import Checkpoint
from worker.starter.material import Material
from worker.starter.schedule import Schedule
from worker.starter.student import Student

logger = logging.getLogger(__name__)

#: Photos a step and process.
BATCH = 96
WEIGHT_DECAY = 0.05
CHECKPOINT = "checkpoint.pt"
CHECKPOINT_EVERY_S = 240.0


@dataclass(frozen=True, slots=True)
class Budget:
    """When a run ends: after ``hours`` on the clock, or after ``epochs`` where it is given."""

    hours: float = 1.0
    epochs: float | None = None

    def get_progress(self, *, elapsed_s: float, seen: int, n_photos: int) -> float:
        """Return how much of the run is done, from 0 to 1."""
        if self.epochs is not None:
            return seen / (self.epochs * n_photos)
        return elapsed_s / (self.hours * 3600.0)


def train(
    student: Student,
    material: Material,
    budget: Budget,
    folder: Path,
    *,
    plan: Schedule = schedule.FROM_SCRATCH,
    compiled: bool = False,
) -> Student:
    """Train ``student`` until the budget is spent; return its running average.

    Calls continue from ``folder/checkpoint.pt`` where it is there. ``compiled`` needs a C++
    compiler, a minute per crop size, and makes a step half as fast again.
    """
    student.to(memory_format=torch.channels_last)
    state = Checkpoint.start(student, WEIGHT_DECAY, folder / CHECKPOINT)
    if compiled:  # after the average was copied, which is to stay plain
        student.compile(dynamic=False)
    n_photos = int((material.weights > 0).sum())
    began, before_s, saved_s = time.monotonic(), state.elapsed_s, state.elapsed_s
    while True:
        progress = budget.get_progress(
            elapsed_s=state.elapsed_s, seen=state.seen, n_photos=n_photos
        )
        if progress >= 1.0:
            break
        phase, rate = plan.get_phase(progress), plan.get_learning_rate(progress)
        loss = _get_loss(state, material, phase, rate)
        elapsed_s = before_s + time.monotonic() - began
        state.elapsed_s = parallel.average_gradients(state.student, elapsed_s)
        state.advance(BATCH * parallel.get_size())
        if state.step % 50 == 0:
            _log(state, loss, progress)
        if state.elapsed_s - saved_s > CHECKPOINT_EVERY_S:
            saved_s = state.elapsed_s
            _save(state, material, phase.size)
    _save(state, material, plan.last_size)
    return state.average


def _get_loss(state: Checkpoint, material: Material, phase: schedule.Phase, rate: float) -> Tensor:
    """Return the loss of a batch, its gradients in the student."""
    pixels, wanted = _draw_batch(material, phase)
    for group in state.optimiser.param_groups:
        group["lr"] = rate * group["rate_factor"]
    state.student.train()
    loss = losses.get_loss(state.student(pixels), wanted)
    state.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    return loss.detach()


def _save(state: Checkpoint, material: Material, size: int) -> None:
    if parallel.get_rank() == 0:
        state.save()
        monitor.log_figures(state.average, material, size=size)


def _draw_batch(material: Material, phase: schedule.Phase) -> tuple[Tensor, losses.Targets]:
    rows = torch.multinomial(material.weights, BATCH, replacement=True)
    boxes = crops.draw_boxes(material.aspects[rows], min_area=phase.min_area)
    if material.teacher is not None:
        boxes = crops.swap_views(boxes, material.teacher.boxes[rows])
    flip = torch.randint(2, (BATCH,)).bool()
    pixels = crops.cut(material.squares[rows.numpy()], boxes, phase.size, flip=flip)
    pixels, mix = augment.mix_photos(augment.jitter_colours(pixels), share=phase.mixed_share)
    return pixels, _get_targets(material, rows, boxes).mixed(mix)


def _get_targets(material: Material, rows: Tensor, boxes: Tensor) -> losses.Targets:
    concepts, teacher = material.targets[rows], material.teacher
    if teacher is None:
        return losses.Targets(concepts=concepts, classes=None, features=None)
    classes = crops.get_class_targets(teacher, rows, boxes)
    return losses.Targets(
        concepts=targets.add_classes(concepts, classes, teacher),
        classes=classes,
        features=teacher.features[rows],
    )


def _log(state: Checkpoint, loss: Tensor, progress: float) -> None:
    if parallel.get_rank() > 0:
        return
    logger.info(
        "starter.step step=%d progress=%.4f loss=%.3f photos_per_s=%.0f",
        state.step,
        progress,
        float(loss),
        state.seen / max(state.elapsed_s, 1e-3),
    )
