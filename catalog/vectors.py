"""Arithmetic with vectors that catalog and worker share."""

import numpy as np
from numpy.typing import NDArray


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return (..., dim) float32 vectors divided by their lengths; a zero vector stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    made: NDArray[np.float32] = np.divide(vectors, np.maximum(lengths, 1e-12), dtype=np.float32)
    return made
