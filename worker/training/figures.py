"""Figures of keywords: recall, precision, first keyword right, calibration, finding by caption.

Scores and labels are (n_photos, n_concepts) float32.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
#: From this confidence on a keyword is shown as sure.
SURE = 0.5


def get_ranking_figures(scores: Floats, labels: Floats) -> dict[str, float]:
    """Return R@5, R@10, P@5 and first-right, averaged over the photos that have a label."""
    labelled = labels.sum(1) > 0
    scores, labels = scores[labelled], labels[labelled]
    best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    hits = np.take_along_axis(labels, best, axis=1)
    n_labels = labels.sum(1)
    return {
        "photos": float(len(labels)),
        "r_at_5": float(np.mean(hits[:, :5].sum(1) / n_labels)),
        "r_at_10": float(np.mean(hits.sum(1) / n_labels)),
        "p_at_5": float(np.mean(hits[:, :5].mean(1))),
        "first_right": float(np.mean(hits[:, 0])),
    }


def get_confidence_figures(confidence: Floats, labels: Floats) -> dict[str, float]:
    """Return precision and number of the keywords with a confidence of 0.5 or more, and the ECE.

    `coverage` is the share of photos that get such a keyword. The expected calibration error is
    over the ten best keywords of each photo, in ten bins (Guo et al. 2017, arXiv 1706.04599).
    """
    labelled = labels.sum(1) > 0
    confidence, labels = confidence[labelled], labels[labelled]
    sure = confidence >= SURE
    best = np.argsort(-confidence, axis=1, kind="stable")[:, :10]
    return {
        "precision": float(labels[sure].mean()) if sure.any() else float("nan"),
        "coverage": float(sure.any(1).mean()),
        "keywords_per_photo": float(sure.sum(1).mean()),
        "ece": _get_calibration_error(
            np.take_along_axis(confidence, best, 1).ravel(),
            np.take_along_axis(labels, best, 1).ravel(),
        ),
    }


def get_retrieval_figures(
    texts: Floats, photos: Floats, wanted: NDArray[np.int64]
) -> dict[str, float]:
    """Return R@1, R@5 and R@10 of finding a photo by a text.

    Args:
        texts: (n_texts, dim) unit vectors.
        photos: (n_photos, dim) unit vectors.
        wanted: (n_texts,) the row of the photo that each text was written for.
    """
    cosine = texts @ photos.T
    own = cosine[np.arange(len(texts)), wanted]
    rank = (cosine > own[:, None]).sum(1)
    found = {f"r_at_{n}": float((rank < n).mean()) for n in (1, 5, 10)}
    return {"texts": float(len(texts)), "photos": float(len(photos)), **found}


def _get_calibration_error(confidence: Floats, right: Floats) -> float:
    bins = np.minimum((confidence * 10).astype(np.int64), 9)
    gaps = [
        (bins == each).mean() * abs(confidence[bins == each].mean() - right[bins == each].mean())
        for each in np.unique(bins)
    ]
    return float(sum(gaps))
