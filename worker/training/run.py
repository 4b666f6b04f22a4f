"""Runs the training: from the index to the finished folder, in steps that can be taken again."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from worker.models import backbone, clip
from worker.training import confidence, features, folder, report, taxonomy, text_tower, train
from worker.training.data import Index, read_index
from worker.training.head import Head

logger = logging.getLogger(__name__)

#: Passes of the head over the photos.
EPOCHS = 6
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make, of what; `work` keeps the features, which a later run need not compute."""

    data: Path
    out: Path
    work: Path
    epochs: int = EPOCHS
    text_steps: int = text_tower.STEPS
    polish_steps: int = text_tower.POLISH_STEPS
    processes: int = 2
    seed: int = 0


def make_starter(plan: Plan) -> None:
    """Train head and text tower and write the finished folder.

    Raises:
        ModelError, PhotoError, TrainingError, OSError: something cannot be read or written.
    """
    index = read_index(plan.data)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    whole = _compute(plan, index, "whole")
    head = _train_head(plan, index, whole)
    module = folder.build_module(head)
    with torch.no_grad():
        parts = torch.split(torch.from_numpy(whole), _ROWS_AT_ONCE)
        vectors = torch.cat([head.embed(rows.float()) for rows in parts])
    text_tower.train(
        module,
        index.concepts,
        head.vectors.detach(),
        _get_captions(index, vectors),
        steps=plan.text_steps,
        polish_steps=plan.polish_steps,
        seed=plan.seed,
    )
    folder.write_model(module, plan.out)
    _write_words(plan, index, head)


def _compute(plan: Plan, index: Index, view: features.View) -> np.ndarray:
    return features.compute(index, view, plan.work, seed=plan.seed, n_processes=plan.processes)


def _train_head(plan: Plan, index: Index, whole: np.ndarray) -> Head:
    last: Any = backbone.build().classifier
    classifier = train.Classifier(last.weight.detach(), last.bias.detach())
    material = train.gather(index, whole, _compute(plan, index, "varied"))
    return train.train(material, classifier, epochs=plan.epochs, seed=plan.seed)


def _get_captions(index: Index, vectors: torch.Tensor) -> text_tower.Captions:
    rows = [row for row in index.get_rows("train") if index.photos[row].captions]
    return text_tower.Captions(
        vectors[torch.tensor(rows, dtype=torch.int64)],
        tuple(index.photos[row].captions for row in rows),
    )


def _write_words(plan: Plan, index: Index, head: Head) -> None:
    """Fit the confidence on the photos held out, and choose the concepts that are offered."""
    labels, held = index.get_labels(), index.get_rows("holdout")
    n_labelled = labels[index.get_rows("train")].sum(0)
    model = clip.load(f"local-dir:{plan.out.resolve()}", device="cpu", precision="float32")
    # each concept's own bias is a part of what it is trained to say
    logits = report.get_answers(model, index, held).logits + head.bias.detach().numpy()
    fitted = confidence.fit(logits, labels[held])
    has_class = index.get_class_map().sum(0).numpy() > 0
    chosen = confidence.choose_offered(
        fitted.get_confidence(logits), labels[held], n_labelled, has_class
    )
    words = [
        word
        for word, taken in zip(index.concepts, chosen, strict=True)
        if taken and word not in confidence.NEVER_OFFERED
    ]
    logger.info("words offered=%d known=%d", len(words), len(index.concepts))
    folder.write_calibration(
        fitted.with_bias(head.bias.detach().numpy()).to_json(index.concepts), plan.out
    )
    broader = taxonomy.get_broader(index)
    folder.write_words(
        words,
        broader,
        plan.out / folder.VOCABULARY,
        comment="What the starter model can be trusted with.",
    )
    folder.write_words(
        index.concepts, broader, plan.out / folder.ALL_CONCEPTS, comment="All that it was taught."
    )
