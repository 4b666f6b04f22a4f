"""Encodes the words of a vocabulary, or takes their vectors from the cache.

`presets` asks for the words of a scorer, training for those of a finished model.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from catalog.vectors import unit
from worker.scoring.word_cache import TextCache
from worker.vocabulary import prompts
from worker.vocabulary.keywords import Keyword
from worker.vocabulary.prompts import Prompts

#: Prompts encoded between two commits of the cache: about a second of work that can be lost.
_PROMPTS_AT_ONCE = 1024


class TextModel(Protocol):
    """The part of a model that scoring uses; `worker.models.clip.ClipModel` has it."""

    #: sha256: vectors of equal digests are comparable.
    digest: str
    #: Length of the vectors.
    dim: int
    #: What cosines are multiplied by, and what is then added (sigmoid models only).
    logit_scale: float
    logit_bias: float | None
    #: Where the model's files lie, if they lie in one folder.
    folder: Path | None
    #: Where scores are computed: `cpu`, `cuda:0`, ...
    device: str

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode to (n, dim) float32, L2-normalised."""


@dataclass(frozen=True, slots=True)
class _Job:
    place: int
    word: str
    prompts: Prompts


def encode_keywords(
    model: TextModel,
    keywords: Sequence[Keyword],
    default: Prompts,
    *,
    cache_dir: Path | None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Return (n_words, dim) float32, L2-normalised: the mean of each word's prompts.

    An interrupted call loses about a second of work.

    Args:
        model: Encodes the prompts of words that are not in the cache.
        keywords: The words.
        default: The templates of keywords that have none of their own.
        cache_dir: Where vectors are cached; None: nowhere.
        progress: Called as `progress(done, total)` with the number of words encoded.
    """
    own = {keyword.templates: Prompts(keyword.templates) for keyword in keywords}
    jobs = [
        _Job(place, keyword.word, own[keyword.templates] if keyword.templates else default)
        for place, keyword in enumerate(keywords)
    ]
    keys = [(job.prompts.digest, job.word) for job in jobs]
    vectors = np.zeros((len(jobs), model.dim), np.float16)
    with TextCache(cache_dir, model.digest, model.dim) as cache:
        missing = cache.fill(keys, vectors)
        done = 0
        for batch in _batches([jobs[place] for place in missing]):
            fresh = _encode(model, batch)
            places = [job.place for job in batch]
            cache.store([keys[place] for place in places], fresh)
            vectors[places] = fresh
            done += len(batch)
            if progress is not None:
                progress(done, len(missing))
        if missing:
            cache.trim()
    return unit(vectors.astype(np.float32))


def _batches(jobs: Sequence[_Job]) -> Iterator[list[_Job]]:
    batch: list[_Job] = []
    size = 0
    for job in jobs:
        batch.append(job)
        size += len(job.prompts.templates)
        if size >= _PROMPTS_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _encode(model: TextModel, jobs: Sequence[_Job]) -> NDArray[np.float16]:
    """Return (n_jobs, dim): the unit vector of each word's mean prompt (CLIP, section 3.1.4)."""
    texts = [prompts.fill(job.prompts.templates, job.word) for job in jobs]
    vectors = model.encode_texts([text for group in texts for text in group])
    ends = np.cumsum([len(group) for group in texts])[:-1]
    means = np.stack([group.mean(axis=0) for group in np.split(vectors, ends)])
    return unit(means).astype(np.float16)
