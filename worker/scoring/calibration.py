"""Reads a model's own calibration, which turns its logits into probabilities; `presets` asks.

`calibration.json` in the model's folder holds slope and intercept, for all words and for single
ones: confidence = sigmoid(slope * logit + intercept), logit = exp(logit_scale) * cosine +
logit_bias.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog import spelling
from worker import digests
from worker.errors import ModelError

FILE = "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Slope and intercept: those of all words, and those of single words by folded form."""

    slope: float
    intercept: float
    by_word: dict[str, tuple[float, float]]
    digest: str

    def terms(self, names: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the slopes and the intercepts of words, (n,) each."""
        shared = (self.slope, self.intercept)
        pairs = [self.by_word.get(spelling.fold(name), shared) for name in names]
        slopes, intercepts = np.array(pairs, np.float64).reshape(-1, 2).T
        return slopes, intercepts


def find(folder: Path | None) -> Calibration | None:
    """Return the calibration in a model's folder, or None if it has none.

    Raises:
        ModelError: The file cannot be read or is not a calibration.
    """
    path = None if folder is None else folder / FILE
    if path is None or not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
        return Calibration(
            slope=float(content["slope"]),
            intercept=float(content["intercept"]),
            by_word={
                spelling.fold(word): _pair(terms)
                for word, terms in content.get("words", {}).items()
            },
            digest=digests.digest_of(text),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path}: is not a calibration ({error}); get the model again, or remove the file"
        ) from error


def _pair(terms: Any) -> tuple[float, float]:  # noqa: ANN401 - whatever the file holds
    slope, intercept = (terms["slope"], terms["intercept"]) if isinstance(terms, dict) else terms
    return float(slope), float(intercept)
