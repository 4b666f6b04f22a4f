"""Measures models, vocabularies and presets on photos that a person labelled: `kadr evaluate`."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker import images, scoring, vocabulary
from worker.decoding.guards import Guards
from worker.decoding.pool import Decoders
from worker.errors import EvaluationError, PhotoError
from worker.evaluation import classifier, templates
from worker.evaluation.labels import LabelledPhoto
from worker.evaluation.quality import Matcher, Quality, evaluate
from worker.models import clip, loading
from worker.reporting import Say
from worker.settings import Settings
from worker.vocabulary.keywords import Vocabulary

#: Keywords that are ranked per photo: what comes later counts as not found.
DEPTH = 200
#: What stands in the column of presets for a classifier, which ranks its labels by itself.
CLASSES = "classes"
_CLASS_NAMES = "imagenet-1k"


@dataclass(frozen=True, slots=True)
class Contender:
    """One way of tagging, by the names that a person gave."""

    model: str
    vocabulary: str
    #: A preset, or `CLASSES` for a classifier.
    preset: str

    def __str__(self) -> str:
        return f"{self.model}, {self.vocabulary}, {self.preset}"


@dataclass(frozen=True, slots=True)
class Result:
    """How good it was."""

    contender: Contender
    quality: Quality

    def as_json(self) -> dict[str, Any]:
        """Return the result for `json.dumps`."""
        return asdict(self.contender) | asdict(self.quality)


def contenders(
    models: Sequence[str], vocabularies: Sequence[str], presets: Sequence[str]
) -> list[Contender]:
    """Return every combination, models first so that each is loaded once."""
    return [Contender(*names) for names in itertools.product(models, vocabularies, presets)]


def read_vectors(path: Path, count: int) -> NDArray[np.float32]:
    """Return L2-normalised image vectors (count, dim) of an .npy file of any float type.

    Raises:
        EvaluationError: The file cannot be read or has another shape.
    """
    try:
        vectors = np.load(path, allow_pickle=False)
    except OSError as error:
        raise EvaluationError(
            f"{path}: cannot be read ({error.strerror}); check the path"
        ) from error
    except (ValueError, EOFError) as error:  # numpy's own words propose to unpickle it
        raise EvaluationError(
            f"{path}: is not an .npy file of vectors; write it with numpy.save"
        ) from error
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind != "f":  # noqa: PLR2004
        raise EvaluationError(
            f"{path}: is not a table of vectors; write one row of floats per photo"
        )
    if len(vectors) != count:
        raise EvaluationError(
            f"{path}: has {len(vectors)} rows for {count} labelled photos; "
            "one row a photo, in the order of the labels"
        )
    exact = vectors.astype(np.float32)
    unit: NDArray[np.float32] = exact / np.linalg.norm(exact, axis=1, keepdims=True)
    if not np.isfinite(unit).all():
        raise EvaluationError(f"{path}: has rows that are zero or not numbers")
    return unit


def assess(
    labelled: Sequence[LabelledPhoto],
    wanted: Sequence[Contender],
    settings: Settings,
    *,
    vectors: NDArray[np.float32] | None = None,
    say: Say,
) -> Iterator[Result]:
    """Yield a result for each contender, in order.

    Args:
        labelled: The photos with their words.
        wanted: The contenders, those of one model in succession.
        settings: Device, precision and cache folder.
        vectors: (n_photos, dim) image vectors; with them no photo is opened.
        say: Called with progress, and with the photos that cannot be read and are left out.

    Raises:
        ModelError: A model cannot be loaded.
        VocabularyError: A vocabulary cannot be read.
        EvaluationError: No photo can be read, or the vectors are of another model.
    """
    vocabularies = {each.vocabulary: vocabulary.load(each.vocabulary) for each in wanted}
    for name, group in itertools.groupby(wanted, key=lambda each: each.model):
        model = loading.load_model(name, settings)
        photos, found = _encoded(model, labelled, vectors, settings, say)
        for contender in group:
            say(f"Scoring with {contender}")
            words = vocabularies[contender.vocabulary]
            yield Result(contender, _measure(model, words, contender, photos, found, settings))


def _encoded(
    model: clip.ClipModel,
    labelled: Sequence[LabelledPhoto],
    vectors: NDArray[np.float32] | None,
    settings: Settings,
    say: Say,
) -> tuple[list[LabelledPhoto], NDArray[np.float32]]:
    if vectors is not None:
        if vectors.shape[1] != model.dim:
            raise EvaluationError(
                f"the vectors have {vectors.shape[1]} numbers, those of {model.name} {model.dim}; "
                "give the model that made them"
            )
        return list(labelled), vectors
    say(f"Encoding {len(labelled)} photos with {model.name}")
    photos, pixels = _decoded(labelled, model.preprocess, settings, say)
    return photos, model.encode_images(pixels)


def _decoded(
    labelled: Sequence[LabelledPhoto],
    preprocess: images.Preprocess,
    settings: Settings,
    say: Say,
) -> tuple[list[LabelledPhoto], NDArray[np.uint8]]:
    photos, pixels = [], []
    with Decoders(Guards.of(settings)) as decoders:
        found = decoders.run_all(images.decode, [each.path for each in labelled], preprocess)
        for photo, each in zip(labelled, found, strict=True):
            if isinstance(each, PhotoError):
                say(f"Left out: {each}")
            else:
                pixels.append(each.pixels)
                photos.append(photo)
    if not photos:
        raise EvaluationError("none of the labelled photos can be read; check the paths")
    return photos, np.stack(pixels)


def assess_classifier(labelled: Sequence[LabelledPhoto], settings: Settings, *, say: Say) -> Result:
    """Return how good the paper's classifier is, or the one that stands in for it.

    Its labels are ranked by their shares; the pack `imagenet-1k` says what their synonyms and
    broader words are.

    Raises:
        ModelError: No classifier can be loaded.
        EvaluationError: No photo can be read.
    """
    loaded, note = classifier.load_default()
    if note:
        say(note)
    say(f"Classifying {len(labelled)} photos with {loaded.name}")
    photos, pixels = _decoded(labelled, loaded.preprocess, settings, say)
    ranked = [[word for word, _ in found] for found in loaded.classify(pixels, DEPTH)]
    matcher = Matcher(vocabulary.load(_CLASS_NAMES))
    quality = evaluate(ranked, [photo.words for photo in photos], matcher)
    return Result(Contender(loaded.name, _CLASS_NAMES, CLASSES), quality)


def _measure(
    model: clip.ClipModel,
    words: Vocabulary,
    contender: Contender,
    photos: Sequence[LabelledPhoto],
    vectors: NDArray[np.float32],
    settings: Settings,
) -> Quality:
    scorer = scoring.build_scorer(
        model,
        words,
        scoring.PRESETS[contender.preset].get_prompts(model.folder),
        settings=scoring.ScoringSettings(contender.preset, top_k=DEPTH),
        cache_dir=settings.cache_dir,
    )
    ranked = [[tag.word for tag in tags] for tags in scorer.score(vectors)]
    return evaluate(ranked, [photo.words for photo in photos], Matcher(words))


def as_page(results: Sequence[Result]) -> str:
    """Return a page with the table, and bars for each measure."""
    return templates.render(
        "evaluate.html",
        rows=[{"name": str(each.contender), "values": measures(each.quality)} for each in results],
        names=list(measures(results[0].quality)),
        photos=results[0].quality.photos,
        depth=DEPTH,
    )


def measures(quality: Quality) -> dict[str, float]:
    """Return the figures by the names that tables show."""
    named = {f"P@{rank}": value for rank, value in quality.precision.items()}
    named |= {f"R@{rank}": value for rank, value in quality.recall.items()}
    return named | {"mAP": quality.mean_average_precision, "coverage": quality.coverage}
