"""Owns which concepts are offered by default: those whose confident keywords can be trusted."""

import numpy as np
from numpy.typing import NDArray

from worker.starter import metrics

#: A concept with fewer labelled training photos was learnt from the teacher's word alone.
MIN_LABELLED = 5
#: Least precision of a concept's confident keywords, and how many photos' worth of evidence the
#: precision of all concepts is to it. The confidence already makes doubtful words seldom sure:
#: at 0.7, `person`, `car` and `snow` were gone and everyday photos had no more keywords right.
MIN_PRECISION = 0.5
PRIOR_PHOTOS = 3.0

Floats = NDArray[np.float32]


def choose(confidence: Floats, labels: Floats, n_labelled: Floats) -> NDArray[np.bool_]:
    """Return which of the concepts (n_words,) are offered.

    ``confidence`` and ``labels`` (n_photos, n_words) are of photos that the student never saw,
    ``n_labelled`` (n_words,) counts its training labels.
    """
    sure = confidence >= metrics.SURE
    n_sure, n_right = sure.sum(0), (sure * labels).sum(0)
    learnt = n_labelled >= MIN_LABELLED
    usual = n_right[learnt].sum() / max(1.0, n_sure[learnt].sum())
    precision = (n_right + PRIOR_PHOTOS * usual) / (n_sure + PRIOR_PHOTOS)
    offered: NDArray[np.bool_] = learnt & (precision >= min(MIN_PRECISION, usual))
    return offered
