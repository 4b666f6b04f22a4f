"""Measures a finished folder end to end, from files through `worker.models`, as Kadr tags.

Figures are given for all photos, for groups of sources, and for each source.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker import images
from worker.models import clip
from worker.scoring import calibration, word_vectors
from worker.training import figures
from worker.training.data import Index
from worker.training.folder import VOCABULARY
from worker.vocabulary import file as vocabulary_file
from worker.vocabulary import prompts
from worker.vocabulary.keywords import Keyword

#: Sources that are reported together. The first three are those of the first model's card;
#: "captioned" photos show everyday life with all that somebody mentioned, most like a person's own.
_FIRST_SOURCES = (
    "caltech101",
    "clothing",
    "coco128",
    "dog-cat",
    "flickr8k",
    "flowers5",
    "fruitveg",
    "grocery",
    "houses",
    "imagenet-sample",
    "imagenette",
    "intel-scenes",
    "pacs-photo",
)
GROUPS = {
    "first card": _FIRST_SOURCES,
    "everyday": ("coco128", "flickr8k", "imagenet-sample"),
    "everyday, not of ImageNet": ("coco128", "flickr8k"),
    "captioned": ("coco-boxes", "coco-captions", "coco128", "flickr8k", "flickr8k-all"),
}
#: Photos among which each caption is to find its own.
N_GALLERY = 1000
_PHOTOS_AT_ONCE = 256

Floats = NDArray[np.float32]
Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Report:
    """Ranking over all concepts, confident keywords of those offered, photos found by caption."""

    ranking: Figures
    offered: Figures
    retrieval: dict[str, float]
    n_concepts: int
    n_offered: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What a folder says of photos: unit vectors (n, dim), and logits (n, n_words), float32."""

    vectors: Floats
    logits: Floats


def measure(folder: Path, index: Index, *, split: str) -> Report:
    """Measure the model in `folder` on the photos of a split.

    Raises:
        ModelError, PhotoError, VocabularyError: the folder or a photo cannot be read.
    """
    rows = index.get_rows(split)
    model = clip.load(f"local-dir:{folder.resolve()}", device="cpu", precision="float32")
    answers = get_answers(model, index, rows)
    labels, sources = index.get_labels()[rows], index.get_sources()[rows]
    fitted = calibration.find(folder)
    sureness = answers.logits
    if fitted is not None:
        slopes, intercepts = fitted.terms(list(index.concepts))
        sureness = sureness * slopes.astype(np.float32) + intercepts.astype(np.float32)
    offered = _get_offered(folder, index)
    confidence = np.asarray(1.0 / (1.0 + np.exp(-sureness[:, offered])), np.float32)
    return Report(
        ranking=_by_group(figures.get_ranking_figures, sureness, labels, sources),
        offered=_by_group(figures.get_confidence_figures, confidence, labels[:, offered], sources),
        retrieval=_get_retrieval(model, index, rows, answers.vectors),
        n_concepts=len(index.concepts),
        n_offered=len(offered),
    )


def get_answers(model: clip.ClipModel, index: Index, rows: NDArray[np.int64]) -> Answers:
    """Return what the model says of photos, decoded as when Kadr tags them.

    A logit is exp(logit_scale) x cosine + logit_bias.

    Raises:
        ModelError, PhotoError: the model or a photo cannot be read.
    """
    templates = prompts.default_for(model.folder)
    keywords = [Keyword(word) for word in index.concepts]
    words = word_vectors.encode_keywords(model, keywords, templates, cache_dir=None)
    paths = [index.photos[row].path for row in rows]
    seen = [model.encode_images(pixels) for pixels in _decode(paths, model.preprocess)]
    vectors = np.concatenate(seen)
    logits = vectors @ words.T * np.float32(model.logit_scale) + np.float32(model.logit_bias or 0)
    return Answers(vectors, logits)


def _get_retrieval(
    model: clip.ClipModel, index: Index, rows: NDArray[np.int64], vectors: Floats
) -> dict[str, float]:
    """Return how often a caption finds its photo among N_GALLERY, those with captions first."""
    photos = [index.photos[row] for row in rows]
    order = sorted(range(len(rows)), key=lambda place: not photos[place].captions)[:N_GALLERY]
    texts = [
        (text, number) for number, place in enumerate(order) for text in photos[place].captions
    ]
    if not texts:
        return {}
    encoded = model.encode_texts([text for text, _ in texts])
    wanted = np.array([number for _, number in texts], np.int64)
    return figures.get_retrieval_figures(encoded, vectors[order], wanted)


def _decode(paths: Sequence[Path], preprocess: images.Preprocess) -> Iterator[NDArray[np.uint8]]:
    with ThreadPoolExecutor(2) as threads:
        for start in range(0, len(paths), _PHOTOS_AT_ONCE):
            some = paths[start : start + _PHOTOS_AT_ONCE]
            decoded = threads.map(lambda path: images.decode(path, preprocess).pixels, some)
            yield np.stack(list(decoded))


def _get_offered(folder: Path, index: Index) -> NDArray[np.int64]:
    vocabulary, _ = vocabulary_file.read(folder / VOCABULARY)
    column = {word: number for number, word in enumerate(index.concepts)}
    return np.array([column[word] for word in vocabulary.words if word in column], np.int64)


def _by_group(
    get_figures: Callable[[Floats, Floats], dict[str, float]],
    scores: Floats,
    labels: Floats,
    sources: NDArray[np.str_],
) -> Figures:
    groups = {"all": np.ones(len(sources), bool)}
    groups |= {name: np.isin(sources, members) for name, members in GROUPS.items()}
    groups |= {str(source): sources == source for source in np.unique(sources)}
    return {
        name: get_figures(scores[chosen], labels[chosen])
        for name, chosen in groups.items()
        if labels[chosen].any()
    }
