"""Owns the training index: which photos there are, their labels and their split.

Every other step of the training reads photos and concepts through this module.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: Every n-th training photo is kept out of training to fit the confidence on.
HOLDOUT_EVERY = 20


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """One row of ``index.csv``."""

    path: Path
    source: str
    split: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """The photos in file order, and the concepts they may be labelled with."""

    photos: tuple[LabelledPhoto, ...]
    concepts: tuple[str, ...]

    def get_rows(self, split: str) -> NDArray[np.int64]:
        """Return the row numbers (n,) int64 of ``train``, ``holdout`` or ``dev``."""
        return np.array([row for row, p in enumerate(self.photos) if p.split == split], np.int64)

    def get_labels(self) -> NDArray[np.float32]:
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


def read_index(data: Path) -> Index:
    """Read ``index.csv`` and, where it is there, ``concepts.csv``.

    Columns ``path`` and ``labels`` (``;``-separated) are required; ``split`` (``train`` or
    ``dev``) and ``source`` are optional: without a split every tenth photo is ``dev``.
    """
    with (data / "index.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    photos = [_read_photo(data, number, row) for number, row in enumerate(rows)]
    return Index(tuple(_hold_out(photos)), _read_concepts(data, photos))


def _read_photo(data: Path, number: int, row: dict[str, str]) -> LabelledPhoto:
    labels = tuple(label.strip() for label in row["labels"].split(";") if label.strip())
    split = row.get("split") or ("dev" if number % 10 == 0 else "train")
    return LabelledPhoto(data / row["path"], row.get("source") or "photos", split, labels)


def _hold_out(photos: list[LabelledPhoto]) -> list[LabelledPhoto]:
    kept: list[LabelledPhoto] = []
    n_train = 0
    for photo in photos:
        n_train += photo.split == "train"
        held = photo.split == "train" and bool(photo.labels) and n_train % HOLDOUT_EVERY == 0
        split = "holdout" if held else photo.split
        kept.append(LabelledPhoto(photo.path, photo.source, split, photo.labels))
    return kept


def _read_concepts(data: Path, photos: list[LabelledPhoto]) -> tuple[str, ...]:
    path = data / "concepts.csv"
    if path.exists():
        with path.open(newline="", encoding="utf-8") as lines:
            return tuple(row["concept"] for row in csv.DictReader(lines))
    return tuple(sorted({label for photo in photos for label in photo.labels}))
