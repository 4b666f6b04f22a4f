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
from worker.training.data import Index, LabelledPhoto
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


@dataclass(frozen=True, slots=True)
class Tried:
    """A model, the photos of a split, and what it says of them."""

    model: clip.ClipModel
    index: Index
    #: (n_photos,) row of each photo in the index.
    rows: NDArray[np.int64]
    #: (n_photos, dim) unit vectors.
    vectors: Floats
    #: (n_photos, n_concepts) log-odds of each concept's confidence.
    sureness: Floats
    #: (n_offered,) the concepts that the folder offers.
    offered: NDArray[np.int64]

    def get_labels(self) -> Floats:
        """Return the photos' labels, (n_photos, n_concepts) of 0 and 1."""
        return self.index.get_labels()[self.rows]

    def get_confidence(self) -> Floats:
        """Return the confidence of the offered concepts, (n_photos, n_offered)."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.sureness[:, self.offered])), np.float32)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A photo with sure keywords that none of its labels confirms; a person has to look at it."""

    photo: LabelledPhoto
    #: The surest first.
    keywords: tuple[str, ...]
    #: Whether the first keyword of all concepts is one of the labels.
    first_right: bool
    #: Number of sure keywords, confirmed ones included.
    n_sure: int


def try_out(folder: Path, index: Index, *, split: str) -> Tried:
    """Let the model in `folder` judge the photos of a split.

    Raises:
        ModelError, PhotoError, VocabularyError: the folder or a photo cannot be read.
    """
    rows = index.get_rows(split)
    model = clip.load(f"local-dir:{folder.resolve()}", device="cpu", precision="float32")
    answers = get_answers(model, index, rows)
    fitted = calibration.find(folder)
    sureness = answers.logits
    if fitted is not None:
        slopes, intercepts = fitted.terms(list(index.concepts))
        sureness = sureness * slopes.astype(np.float32) + intercepts.astype(np.float32)
    return Tried(model, index, rows, answers.vectors, sureness, _get_offered(folder, index))


def measure(tried: Tried) -> Report:
    """Return the figures of what a model said."""
    labels, sources = tried.get_labels(), tried.index.get_sources()[tried.rows]
    offered = labels[:, tried.offered]
    return Report(
        ranking=_by_group(figures.get_ranking_figures, tried.sureness, labels, sources),
        offered=_by_group(figures.get_confidence_figures, tried.get_confidence(), offered, sources),
        retrieval=_get_retrieval(tried),
        n_concepts=len(tried.index.concepts),
        n_offered=len(tried.offered),
    )


def find_unconfirmed(tried: Tried) -> list[Unconfirmed]:
    """Return the labelled photos with sure keywords, or a first one, that no label confirms.

    The figures count all of these as wrong, also where they are true: no collection labels all
    that its photos show.
    """
    labels, confidence = tried.get_labels(), tried.get_confidence()
    first = tried.sureness.argmax(1)
    found: list[Unconfirmed] = []
    for place, row in enumerate(tried.rows.tolist()):
        sure = [n for n in np.argsort(-confidence[place]) if confidence[place, n] >= figures.SURE]
        open_ones = [tried.offered[n] for n in sure if not labels[place, tried.offered[n]]]
        first_right = bool(labels[place, first[place]])
        if labels[place].any() and (open_ones or not first_right):
            words = tuple(tried.index.concepts[concept] for concept in open_ones)
            found.append(Unconfirmed(tried.index.photos[row], words, first_right, len(sure)))
    return found


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


def _get_retrieval(tried: Tried) -> dict[str, float]:
    """Return how often a caption finds its photo among N_GALLERY, those with captions first."""
    photos = [tried.index.photos[row] for row in tried.rows]
    order = sorted(range(len(photos)), key=lambda place: not photos[place].captions)[:N_GALLERY]
    texts = [
        (text, number) for number, place in enumerate(order) for text in photos[place].captions
    ]
    if not texts:
        return {}
    encoded = tried.model.encode_texts([text for text, _ in texts])
    wanted = np.array([number for _, number in texts], np.int64)
    return figures.get_retrieval_figures(encoded, tried.vectors[order], wanted)


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
