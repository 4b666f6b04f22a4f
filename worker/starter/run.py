"""Owns the whole run: from the index to the finished folder, in steps that can be taken again."""

import logging
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from worker.starter import (
    answers,
    calibrate,
    checkpoint,
    distil,
    folder,
    material,
    offered,
    parallel,
    schedule,
    texts,
    train,
    vectors,
)
from worker.starter import index as indexes
from worker.starter import teacher as teachers
from worker.starter.index import Index
from worker.starter.student import Student
from worker.starter.teacher import Teacher

logger = logging.getLogger(__name__)

#: A timm tower of 3 M parameters; at 128 px hundreds of photos a second on two cores.
TOWER = "mobilenetv4_conv_small"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make, of what, and for how long; ``work`` keeps what a later run goes on from."""

    data: Path
    out: Path
    work: Path
    budget: train.Budget
    processes: int = 1
    compiled: bool = False
    seed: int = 0
    tower: str = TOWER
    text_steps: int = distil.STEPS
    #: A finished folder to go on from, ``None`` to begin with random weights.
    start: Path | None = None

    @property
    def schedule(self) -> schedule.Schedule:
        """How the run goes."""
        return schedule.FROM_SCRATCH if self.start is None else schedule.CONTINUED


def make_starter(plan: Plan) -> None:
    """Train both towers and write the finished folder. Raises OSError, ValueError, ModelError."""
    plan.work.mkdir(parents=True, exist_ok=True)
    material.gather(indexes.read_index(plan.data), plan.data, plan.work)  # once, for all processes
    parallel.run(train_image_tower, plan, n_processes=plan.processes)
    finish(plan)


def train_image_tower(plan: Plan) -> None:
    """Train the image tower and the concept vectors, as one process of a group or alone."""
    index = indexes.read_index(plan.data)
    gathered = material.gather(index, plan.data, plan.work)
    student = _make_student(plan, index, gathered.teacher)
    train.train(
        student, gathered, plan.budget, plan.work, plan=plan.schedule, compiled=plan.compiled
    )


def finish(plan: Plan) -> None:
    """Write the folder from the last checkpoint: text tower, words, confidence."""
    index = indexes.read_index(plan.data)
    student = _make_student(plan, index, teachers.read_teacher(plan.data, len(index.concepts)))
    checkpoint.load_average(student, plan.work / train.CHECKPOINT)
    shape = folder.Shape(plan.tower, plan.schedule.last_size, student.vectors.shape[1])
    module = folder.build_module(student, shape)
    _train_text_tower(plan, index, student, module)
    folder.write_model(module, shape, plan.out)
    folder.write_prompts(texts.PROMPTS, plan.out)
    write_words(plan, index)


def write_words(plan: Plan, index: Index) -> None:
    """Fit the confidence on the photos held out, and choose the concepts that are offered."""
    labels, held = index.get_labels(), index.get_rows("holdout")
    n_labelled = labels[index.get_rows("train")].sum(0)
    logits = answers.get_logits(plan.out, index, held, index.concepts)
    fitted = calibrate.fit(logits, labels[held], n_labelled, index.get_sources()[held])
    chosen = offered.choose(fitted.get_confidence(logits), labels[held], n_labelled)
    words = [word for word, taken in zip(index.concepts, chosen, strict=True) if taken]
    logger.info("starter.words offered=%d known=%d", len(words), len(index.concepts))
    folder.write_calibration(fitted.to_json(index.concepts), plan.out)
    folder.write_words(
        words, plan.out / folder.VOCABULARY, comment="What the starter model can be trusted with."
    )
    folder.write_words(
        index.concepts,
        plan.out / folder.ALL_CONCEPTS,
        comment="All that the starter model was taught, most of it from few photos.",
    )


def _make_student(plan: Plan, index: Index, teacher: Teacher | None) -> Student:
    torch.manual_seed(plan.seed)
    student = Student(
        plan.tower,
        vectors.get_start_vectors(plan.data, len(index.concepts)),
        n_classes=0 if teacher is None else len(teacher.class_to_concept),
        n_features=0 if teacher is None else teacher.features.shape[1],
    )
    if plan.start is not None:
        folder.read_image_tower(plan.start, student, index.concepts)
    return student


def _train_text_tower(plan: Plan, index: Index, student: Student, module: nn.Module) -> None:
    """Distil the text tower, going on from that of an earlier run where there is one."""
    path = plan.work / "text.safetensors"
    tower: nn.Module = module.text  # type: ignore[assignment]
    if path.exists():
        tower.load_state_dict(safetensors.torch.load_file(path))
    elif plan.start is not None:
        folder.read_text_tower(plan.start, tower)
    distil.distil(module, index.concepts, student.vectors.detach(), steps=plan.text_steps)
    safetensors.torch.save_file(tower.state_dict(), path)
