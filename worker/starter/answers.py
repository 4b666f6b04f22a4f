"""Owns what a finished folder says of photos: its logits, end to end through ``worker.clip``.

Calibration and evaluation both read these, so that no figure is of anything but what ships.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker import images
from worker.models import clip
from worker.scoring import word_vectors
from worker.starter.index import Index
from worker.vocabulary import prompts
from worker.vocabulary.keywords import Keyword

_PHOTOS_AT_ONCE = 256


def get_logits(
    folder: Path, index: Index, rows: NDArray[np.int64], words: Sequence[str]
) -> NDArray[np.float32]:
    """Return the logits (n_rows, n_words) float32 of the model in ``folder``.

    A logit is exp(logit_scale) x cosine + logit_bias; files are decoded as when Kadr tags them.
    Raises ModelError, PhotoError.
    """
    model = clip.load(f"local-dir:{folder.resolve()}", device="cpu", precision="float32")
    templates = prompts.default_for(folder)
    keywords = [Keyword(word) for word in words]
    vectors = word_vectors.encode_keywords(model, keywords, templates, cache_dir=None)
    paths = [index.photos[row].path for row in rows]
    seen = [model.encode_images(pixels) for pixels in _decode(paths, model.preprocess)]
    cosine = np.concatenate(seen) @ vectors.T
    return cosine * np.float32(model.logit_scale) + np.float32(model.logit_bias or 0.0)


def _decode(paths: Sequence[Path], preprocess: images.Preprocess) -> Iterator[NDArray[np.uint8]]:
    with ThreadPoolExecutor(2) as threads:
        for start in range(0, len(paths), _PHOTOS_AT_ONCE):
            some = paths[start : start + _PHOTOS_AT_ONCE]
            decoded = threads.map(lambda path: images.decode(path, preprocess).pixels, some)
            yield np.stack(list(decoded))
