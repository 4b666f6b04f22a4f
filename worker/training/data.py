"""Reads the training data: photos with labels and captions, concepts, and what absence means.

Every other step of the training reads them through this module.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.errors import TrainingError
from worker.vocabulary import concepts

#: Every n-th labelled training photo is kept out of training: the confidence is fitted on these.
HOLDOUT_EVERY = 20
#: How much a missing label counts as "no", by what a source labels (`kind` in `coverage.csv`); 1
#: for what it labels exhaustively. Less than 1 for sources that label one object of many was tried:
#: the ranking stayed, the confidence of a cat close by fell from 0.87 to 0.31.
ABSENCE = {
    "exhaustive": 1.0,
    "all-in-captions": 1.0,
    "single-label": 1.0,
    "partial": 0.2,
    "none": 0.0,
}

#: What people call the classes whose WordNet name they would not understand, or would take for
#: something else (an "ear" is of corn, a "maillot" a swimsuit).
READABLE = {
    "Angora": "angora rabbit",
    "Arabian camel": "camel",
    "alp": "mountain",
    "bannister": "banister",
    "cellular telephone": "cell phone",
    "cock": "rooster",
    "ear": "corn",
    "French loaf": "baguette",
    "Granny Smith": "green apple",
    "head cabbage": "cabbage",
    "jean": "jeans",
    "lakeside": "lakeshore",
    "maillot": "swimsuit",
    "Mexican hairless": "hairless dog",
    "notebook": "laptop",
    "pajama": "pajamas",
    "plane": "carpenter's plane",
    "pole": "flagpole",
    "sorrel": "chestnut horse",
    "ski": "skis",
    "studio couch": "sofa bed",
    "sunglass": "sunglasses",
    "swab": "mop",
    "thatch": "thatched roof",
    "tub": "bathtub",
    "tusker": "elephant",
    "upright": "upright piano",
    "walking stick": "stick insect",
    "web site": "website",
    "wing": "airplane wing",
    "wreck": "shipwreck",
}

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """One row of `index.csv`."""

    path: Path
    source: str
    split: str
    labels: tuple[str, ...]
    captions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a source labels: how much absence means in general, and of which concepts it is sure."""

    kind: str
    exhaustive: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """The photos in file order, their concepts, and what the backbone's classes mean."""

    photos: tuple[LabelledPhoto, ...]
    concepts: tuple[str, ...]
    #: By source; a source that is not listed labels everything.
    coverage: dict[str, Coverage]
    #: (class of ImageNet-1k, row in `concepts`) for each concept that a class is an instance of.
    meanings: tuple[tuple[int, int], ...]

    def get_rows(self, split: str) -> NDArray[np.int64]:
        """Return the row numbers (n,) int64 of `train`, `holdout` or `dev`."""
        return np.array([row for row, p in enumerate(self.photos) if p.split == split], np.int64)

    def get_labels(self) -> Floats:
        """Return the labels as (n_photos, n_concepts) float32 of 0 and 1."""
        column = {word: number for number, word in enumerate(self.concepts)}
        matrix = np.zeros((len(self.photos), len(self.concepts)), np.float32)
        for row, photo in enumerate(self.photos):
            known = [column[label] for label in photo.labels if label in column]
            matrix[row, known] = 1.0
        return matrix

    def get_sources(self) -> NDArray[np.str_]:
        """Return each photo's source, (n_photos,) strings."""
        return np.array([photo.source for photo in self.photos])

    def get_class_map(self) -> Tensor:
        """Return (1000, n_concepts) float32: 1 where a class is an instance of a concept."""
        matrix = torch.zeros(1000, len(self.concepts))
        for class_, concept in self.meanings:
            matrix[class_, concept] = 1.0
        return matrix

    def are_complete(self) -> NDArray[np.bool_]:
        """Return by photo, (n_photos,), whether all in view is labelled, not one thing alone."""
        kinds = (self.coverage.get(photo.source) for photo in self.photos)
        return np.array([k is None or k.kind in ("exhaustive", "all-in-captions") for k in kinds])

    def get_absence_weights(self) -> tuple[Tensor, Tensor]:
        """Return how much a missing label counts: (n_sources, n_concepts) and each photo's row.

        Captions say nothing of a concept that no caption of the source ever names.
        """
        column = {word: number for number, word in enumerate(self.concepts)}
        names, places = np.unique(self.get_sources(), return_inverse=True)
        labels = torch.from_numpy(self.get_labels())
        weights = torch.ones(len(names), len(self.concepts))
        for row, name in enumerate(names):
            known = self.coverage.get(str(name))
            if known is None:
                continue
            weights[row] = ABSENCE[known.kind]
            if known.kind == "all-in-captions":
                named = labels[torch.from_numpy(places == row)].sum(0) > 0
                weights[row, ~named] = ABSENCE["single-label"]
            weights[row, [column[word] for word in known.exhaustive if word in column]] = 1.0
        return weights, torch.from_numpy(places)


def read_index(data: Path) -> Index:
    """Read `index.csv` and, where they are there, the files beside it.

    `index.csv` needs the columns `path` and `labels` (`;`-separated); `split` (`train` or `dev`),
    `source` and `captions` (` | `-separated) are optional: without a split every tenth photo is
    `dev`. `concepts.csv` names the concepts (else all labels are), `coverage.csv` what sources
    label, and `imagenet_to_concept.npz` what ImageNet's classes mean (else their names tell).

    Raises:
        TrainingError: a file is missing or makes no sense.
    """
    csv.field_size_limit(2**24)
    try:
        with (data / "index.csv").open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        photos = _hold_out([_read_photo(data, number, row) for number, row in enumerate(rows)])
        known = _read_concepts(data, photos)
        words, meanings = _add_classes(known, _read_meanings(data))
        return Index(tuple(photos), words, _read_coverage(data), meanings)
    except (OSError, KeyError, ValueError) as error:
        raise TrainingError(
            f"{data}: no training data ({error}); `worker/training/data.py` says what is read"
        ) from error


def _read_photo(data: Path, number: int, row: dict[str, str]) -> LabelledPhoto:
    labels = tuple(label.strip() for label in row["labels"].split(";") if label.strip())
    captions = tuple(text for text in (row.get("captions") or "").split(" | ") if text.strip())
    split = row.get("split") or ("dev" if number % 10 == 0 else "train")
    source = row.get("source") or "photos"
    return LabelledPhoto(data / row["path"], source, split, labels, captions)


def _hold_out(photos: list[LabelledPhoto]) -> list[LabelledPhoto]:
    kept: list[LabelledPhoto] = []
    n_train = 0
    for photo in photos:
        n_train += photo.split == "train"
        held = photo.split == "train" and bool(photo.labels) and n_train % HOLDOUT_EVERY == 0
        split = "holdout" if held else photo.split
        kept.append(LabelledPhoto(photo.path, photo.source, split, photo.labels, photo.captions))
    return kept


def _read_concepts(data: Path, photos: list[LabelledPhoto]) -> tuple[str, ...]:
    path = data / "concepts.csv"
    if path.exists():
        with path.open(newline="", encoding="utf-8") as lines:
            return tuple(row["concept"] for row in csv.DictReader(lines))
    return tuple(sorted({label for photo in photos for label in photo.labels}))


def _read_coverage(data: Path) -> dict[str, Coverage]:
    path = data / "coverage.csv"
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    unknown = {row["kind"] for row in rows} - ABSENCE.keys()
    if unknown:
        raise ValueError(f"{path.name}: unknown kind {', '.join(sorted(unknown))}")
    return {
        row["source"]: Coverage(
            row["kind"], tuple(w for w in row["exhaustive_concepts"].split(";") if w)
        )
        for row in rows
    }


def _read_meanings(data: Path) -> list[tuple[int, int]]:
    path = data / "imagenet_to_concept.npz"
    if not path.exists():
        return []
    with np.load(path) as pairs:
        return list(zip(pairs["imagenet_class"].tolist(), pairs["concept"].tolist(), strict=True))


def _add_classes(
    known: Sequence[str], meanings: list[tuple[int, int]]
) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """Add the classes that no concept is named as, so that all thousand can be told apart."""
    column = {word.lower(): number for number, word in enumerate(known)}
    words, pairs = list(known), set(meanings)
    for class_, concept in enumerate(concepts.imagenet_1k()):
        names = [name.lower() for name in concept.names]
        names.insert(0, READABLE.get(concept.names[0], concept.names[0]).lower())
        known_as = next((name for name in names if name in column), None)
        if known_as is None:
            known_as = names[0]
            column[known_as] = len(words)
            words.append(known_as)
        pairs.add((class_, column[known_as]))
    return tuple(words), tuple(sorted(pairs))
