"""Owns where the concept vectors start: real CLIP text vectors, centred, or random ones."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

#: Width of the embedding space, and of the text tower: a linear layer at the end of a narrower
#: tower could only reach a part of the space.
DIM = 192


def get_start_vectors(data: Path, n_concepts: int) -> Tensor:
    """Return (n_concepts, DIM) float32 unit vectors from ``concept_clip_vectors.npy``.

    CLIP's text vectors share a large common part that says nothing about the word, so the mean
    is taken off first; their DIM principal directions are kept (95 % of the variance of 1,331
    concepts). A word that has none (all zeros) starts anywhere. Without the file all do.
    """
    path = data / "concept_clip_vectors.npy"
    start = functional.normalize(torch.randn(n_concepts, DIM), dim=1)
    if path.exists():
        vectors = torch.from_numpy(np.load(path).astype(np.float32))
        known = vectors.norm(dim=1) > 0
        start[known] = _get_principal(functional.normalize(vectors[known], dim=1))
    return start


def _get_principal(vectors: Tensor) -> Tensor:
    centred = vectors - vectors.mean(0)
    directions = torch.linalg.svd(centred, full_matrices=False).Vh[:DIM]
    kept = functional.pad(centred @ directions.T, (0, max(0, DIM - len(directions))))
    return functional.normalize(kept, dim=1)
