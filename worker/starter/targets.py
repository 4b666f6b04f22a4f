"""Owns what each photo should answer: its labels, softened by what the teacher says of it.

A label that is missing is not a "no": nobody labelled the man who wears the helmet.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from worker.starter import probe
from worker.starter.index import Index
from worker.starter.teacher import Teacher

#: Weight of the teacher's own classes beside the probe's answer.
CLASS_SHARE = 0.5
#: What a label counts before the teacher speaks, and what the teacher alone can reach.
LABEL_FLOOR = 0.7
TEACHER_CEILING = 0.7
#: A photo of three labels, the rarest of them on 60 photos, is drawn once an epoch; others by
#: the square root of how much rarer and how many they are, within limits; unlabelled ones so often.
USUAL_COUNT, USUAL_LABELS = 60.0, 3.0
DRAWN = (0.4, 8.0)
UNLABELLED_DRAWN = 4.0


def get_targets(index: Index, teacher: Teacher | None, folder: Path) -> Tensor:
    """Return the concept targets (n_photos, n_concepts) float32; rows of ``dev`` are zero.

    They are made once and read from ``folder`` afterwards.
    """
    path = folder / "targets.npy"
    if not path.exists():
        np.save(path, _make_targets(index, teacher).half().numpy())
    return torch.from_numpy(np.load(path)).float()


def add_classes(targets: Tensor, shares: Tensor, teacher: Teacher) -> Tensor:
    """Add what the teacher sees in the crops to the targets (batch, n_concepts) of their photos.

    ``shares`` (batch, n_classes) float32 are the teacher's classes of each crop.
    """
    seen = (shares @ teacher.class_to_concept).clamp_(0.0, 1.0)
    return 1.0 - (1.0 - targets) * (1.0 - CLASS_SHARE * seen)


def get_draw_weights(index: Index) -> Tensor:
    """Return how often each photo is drawn, (n_photos,) float32; 0 unless in ``train``.

    Photos with rare labels, or many, are drawn more often, so that ten thousand photos of few
    things do not crowd out the thousand of a thousand things, most like a person's own.
    """
    labels = torch.from_numpy(index.get_labels())
    train = torch.from_numpy(index.get_rows("train"))
    counts = labels[train].sum(0).clamp_min(1.0)
    rarest = torch.where(labels > 0, counts, torch.inf).min(1).values
    drawn = (USUAL_COUNT / rarest * labels.sum(1) / USUAL_LABELS).sqrt().clamp(*DRAWN)
    drawn[labels.sum(1) == 0] = UNLABELLED_DRAWN
    weights = torch.zeros(len(index.photos))
    weights[train] = drawn[train]
    return weights


def _make_targets(index: Index, teacher: Teacher | None) -> Tensor:
    labels = torch.from_numpy(index.get_labels())
    targets = torch.zeros_like(labels)
    train = torch.from_numpy(index.get_rows("train"))
    if teacher is None:
        targets[train] = labels[train]
        return targets
    soft = _get_probe_answers(labels, train, teacher)
    named = LABEL_FLOOR + (1.0 - LABEL_FLOOR) * soft
    targets[train] = torch.where(labels[train] > 0, named, TEACHER_CEILING * soft)
    return targets


def _get_probe_answers(labels: Tensor, train: Tensor, teacher: Teacher) -> Tensor:
    has_label = labels[train].sum(1) > 0
    labelled, unlabelled = train[has_label], train[~has_label]
    answers = torch.zeros(len(train), labels.shape[1])
    answers[has_label] = probe.predict_out_of_fold(teacher.features[labelled], labels[labelled])
    if len(unlabelled):
        fitted = probe.fit_probe(teacher.features[labelled], labels[labelled])
        with torch.no_grad():
            answers[~has_label] = fitted(teacher.features[unlabelled]).sigmoid()
    return answers
