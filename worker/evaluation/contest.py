"""`kadr evaluate`: models, vocabularies and presets measured on photos that a person labelled."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray

from worker import images, scoring, vocabulary
from worker.errors import EvaluationError, PhotoError
from worker.evaluation.labels import LabelledPhoto
from worker.evaluation.quality import Matcher, Quality, evaluate
from worker.models import clip
from worker.reporting import Say
from worker.settings import Settings
from worker.vocabulary import prompts
from worker.vocabulary.keywords import Vocabulary

#: Keywords that are ranked per photo: what comes later counts as not found.
DEPTH = 200
_PAGES = Path(__file__).parent / "pages"


@dataclass(frozen=True, slots=True)
class Contender:
    """One way of tagging, by the names that a person gave."""

    model: str
    vocabulary: str
    preset: scoring.Preset

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
    models: Sequence[str], vocabularies: Sequence[str], presets: Sequence[scoring.Preset]
) -> list[Contender]:
    """Return every combination, models first so that each is loaded once."""
    return [Contender(*names) for names in itertools.product(models, vocabularies, presets)]


def read_vectors(path: Path, count: int) -> NDArray[np.float32]:
    """Read (count, dim) image vectors, .npy of any float type; they are normalised.

    Raises EvaluationError for another shape, and for a file that cannot be read.
    """
    try:
        vectors = np.load(path, allow_pickle=False)
    except OSError as error:
        raise EvaluationError(
            f"{path}: cannot be read ({error.strerror}); check the path"
        ) from error
    except (ValueError, EOFError) as error:  # numpy's own words propose to unpickle it
        raise EvaluationError(
            f"{path}: is not a .npy file of vectors; write it with numpy.save"
        ) from error
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind != "f":  # noqa: PLR2004
        raise EvaluationError(f"{path}: is not a table of vectors; one row of floats a photo")
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
    """Yield a result for each contender, in order; with `vectors`, (n, dim), no photo is opened.

    Photos that cannot be read are left out and named through `say`. Raises ModelError,
    VocabularyError, EvaluationError.
    """
    vocabularies = {each.vocabulary: vocabulary.load(each.vocabulary) for each in wanted}
    for name, group in itertools.groupby(wanted, key=lambda each: each.model):
        model = clip.load(
            name,
            device=settings.device,
            precision=settings.precision,
            cache_dir=settings.cache_dir,
        )
        photos, found = _encoded(model, labelled, vectors, say)
        for contender in group:
            say(f"Scoring with {contender}")
            words = vocabularies[contender.vocabulary]
            yield Result(contender, _measure(model, words, contender, photos, found, settings))


def _encoded(
    model: clip.ClipModel,
    labelled: Sequence[LabelledPhoto],
    vectors: NDArray[np.float32] | None,
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
    photos, pixels = [], []
    for photo in labelled:
        try:
            pixels.append(images.decode(photo.path, model.preprocess).pixels)
            photos.append(photo)
        except PhotoError as error:
            say(f"Left out: {error}")
    if not photos:
        raise EvaluationError("none of the labelled photos can be read; check the paths")
    return photos, model.encode_images(np.stack(pixels))


def _measure(
    model: clip.ClipModel,
    words: Vocabulary,
    contender: Contender,
    photos: Sequence[LabelledPhoto],
    vectors: NDArray[np.float32],
    settings: Settings,
) -> Quality:
    is_paper = contender.preset == "paper"
    asked = prompts.parse(["paper"]) if is_paper else prompts.default_for(model.folder)
    scorer = scoring.build_scorer(
        model,
        words,
        asked,
        settings=scoring.ScoringSettings(contender.preset, top_k=DEPTH),
        cache_dir=settings.cache_dir,
    )
    ranked = [[tag.word for tag in tags] for tags in scorer.score(vectors)]
    return evaluate(ranked, [photo.words for photo in photos], Matcher(words))


def as_page(results: Sequence[Result]) -> str:
    """Return a page with the table, and bars for each measure."""
    loader = jinja2.FileSystemLoader(_PAGES)
    pages = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    return pages.get_template("evaluate.html").render(
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
