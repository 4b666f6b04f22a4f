"""Owns the figures of a finished folder, beside the baselines, over all photos and per source."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from worker.scoring import calibration
from worker.starter import answers, metrics
from worker.starter.folder import VOCABULARY
from worker.starter.index import Index
from worker.starter.teacher import Teacher
from worker.vocabulary import file

#: Collections of many things or many kinds: most like what a person's own photos show.
EVERYDAY = ("coco128", "flickr8k", "imagenet-sample")

Floats = NDArray[np.float32]
Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Report:
    """Ranking figures over all concepts by group of photos, baselines, and the confidence."""

    ranking: Figures
    baselines: Figures
    offered: Figures
    n_offered: int


def evaluate(folder: Path, index: Index, teacher: Teacher | None, *, split: str) -> Report:
    """Measure the model in ``folder`` on the labelled photos of a split.

    Raises ModelError, PhotoError, VocabularyError.
    """
    rows = index.get_rows(split)
    labels, sources = index.get_labels()[rows], index.get_sources()[rows]
    logits = answers.get_logits(folder, index, rows, index.concepts)
    sureness = _calibrate(folder, index, logits)
    offered = _get_offered(folder, index)
    ranking = _by_source(metrics.get_ranking_figures, sureness, labels, sources)
    confidence = _sigmoid(sureness[:, offered])
    return Report(
        ranking=ranking,
        baselines=_get_baselines(index, teacher, rows, logits),
        offered=_by_source(metrics.get_confidence_figures, confidence, labels[:, offered], sources),
        n_offered=len(offered),
    )


def _calibrate(folder: Path, index: Index, logits: Floats) -> Floats:
    """Return what Kadr ranks keywords by: the logit of each one's confidence."""
    fitted = calibration.find(folder)
    if fitted is None:
        return logits
    slopes, intercepts = fitted.terms(list(index.concepts))
    return logits * slopes.astype(np.float32) + intercepts.astype(np.float32)


def _get_offered(folder: Path, index: Index) -> NDArray[np.int64]:
    vocabulary, _ = file.read(folder / VOCABULARY)
    column = {word: number for number, word in enumerate(index.concepts)}
    return np.array([column[word] for word in vocabulary.words if word in column], np.int64)


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-values)), np.float32)


def _by_source(
    get_figures: Callable[[Floats, Floats], dict[str, float]],
    scores: Floats,
    labels: Floats,
    sources: NDArray[np.str_],
) -> Figures:
    groups = {"all": np.ones(len(sources), bool), "everyday": np.isin(sources, EVERYDAY)}
    groups |= {str(source): sources == source for source in np.unique(sources)}
    return {
        name: get_figures(scores[chosen], labels[chosen])
        for name, chosen in groups.items()
        if labels[chosen].any()
    }


def _get_baselines(
    index: Index, teacher: Teacher | None, rows: NDArray[np.int64], logits: Floats
) -> Figures:
    """Return the figures of the commonest concepts, of the bare cosine, of the teacher alone."""
    labels = index.get_labels()
    frequency = labels[index.get_rows("train")].mean(0)
    scores = {"frequency": np.broadcast_to(frequency, labels[rows].shape), "cosine": logits}
    if teacher is not None:
        scores["teacher"] = teacher.map_to_concepts()[torch.from_numpy(rows)].numpy()
    figures: Figures = {}
    for name, each in scores.items():
        by_source = _by_source(
            metrics.get_ranking_figures, each, labels[rows], index.get_sources()[rows]
        )
        figures[name] = by_source["all"]
        if "everyday" in by_source:
            figures[f"{name}, everyday"] = by_source["everyday"]
    return figures
