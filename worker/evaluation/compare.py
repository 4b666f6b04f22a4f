"""Makes the paper's Table 1 for a person's own photos, three ways of tagging: `kadr compare`."""

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker import extensions, images, scoring, vocabulary
from worker.decoding.guards import Guards
from worker.decoding.pool import Decoders
from worker.errors import EvaluationError, PhotoError
from worker.evaluation import classifier, templates
from worker.images.geometry import Preprocess
from worker.models import clip, loading, names
from worker.reporting import Say
from worker.scoring import presets
from worker.settings import Settings

#: The model and vocabulary of the paper.
PAPER_MODEL = "ViT-L/14"
WORDS = 10
#: Table 1 of the paper sets five of the classifier's answers beside ten keywords.
CLASSES = 5
_THUMBNAIL_SIDE = 640


@dataclass(frozen=True, slots=True)
class Keyword:
    """A word with what its method says of it."""

    word: str
    #: In [0, 1]: confidence, or share of the softmax.
    value: float


@dataclass(frozen=True, slots=True)
class Column:
    """One way of tagging, and what it finds on each photo."""

    title: str
    #: Model, vocabulary and what the number means, for the page.
    note: str
    keywords: list[list[Keyword]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that the page shows."""

    photos: list[Path]
    #: A small JPEG of each photo.
    pictures: list[bytes]
    columns: list[Column]
    #: Why some photos are left out, and what could not be had.
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the comparison for `json.dumps`."""
        return {
            "columns": [{"title": each.title, "note": each.note} for each in self.columns],
            "photos": [
                {
                    "path": str(path),
                    "keywords": {
                        each.title: [asdict(keyword) for keyword in each.keywords[place]]
                        for each in self.columns
                    },
                }
                for place, path in enumerate(self.photos)
            ],
            "notes": self.notes,
        }

    def as_html(self) -> str:
        """Return a page that needs no other file."""
        rows = [
            {
                "name": path.name,
                "picture": base64.b64encode(self.pictures[place]).decode(),
                "columns": [_bars(each.keywords[place]) for each in self.columns],
                "shared": self._shared(place),
            }
            for place, path in enumerate(self.photos)
        ]
        return templates.render("compare.html", rows=rows, columns=self.columns, notes=self.notes)

    def _shared(self, place: int) -> set[str]:
        """Return the words that more than one way of tagging found."""
        found = [{keyword.word for keyword in each.keywords[place]} for each in self.columns]
        every = [word for words in found for word in words]
        return {word for word in every if every.count(word) > 1}


def find_photos(paths: Sequence[Path]) -> list[Path]:
    """Return the photos among files and below folders, in order of their names.

    Raises:
        EvaluationError: There are none.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.is_file())
            found += [each for each in inside if extensions.is_photo(each)]
        elif path.exists():
            found.append(path)
        else:
            raise EvaluationError(f"{path}: no such file or folder; check the path")
    if not found:
        raise EvaluationError(f"{', '.join(map(str, paths))}: no photos there; give other folders")
    return found


def sample(photos: Sequence[Path], limit: int) -> list[Path]:
    """Return at most `limit` photos, spread evenly over all: a page holds each one's picture."""
    if len(photos) <= limit:
        return list(photos)
    return [photos[place * len(photos) // limit] for place in range(limit)]


def compare(
    photos: Sequence[Path],
    settings: Settings,
    *,
    model: str,
    words: str,
    other: str | None,
    say: Say,
) -> Comparison:
    """Tag photos in three ways: Kadr's default, the paper's preset, a classifier.

    `other` is the classifier, None the paper's; if that cannot be had, the starter model's backbone
    stands in and a note says so.

    Raises:
        ModelError: A model cannot be loaded.
        VocabularyError: The vocabulary cannot be read.
        EvaluationError: No photo can be read.
    """
    with Decoders(Guards.of(settings)) as decoders:
        return _compare(photos, settings, decoders, model=model, words=words, other=other, say=say)


def _compare(
    photos: Sequence[Path],
    settings: Settings,
    decoders: Decoders,
    *,
    model: str,
    words: str,
    other: str | None,
    say: Say,
) -> Comparison:
    notes: list[str] = []
    pictures = _pictures(photos, decoders, notes)
    readable = list(pictures)
    seen = _Seen(readable, decoders)
    say(f"Encoding {len(readable)} photos with {model}")
    loaded = loading.load_model(model, settings)
    columns = [_keyword_column("Kadr", loaded, words, presets.DEFAULT, seen, settings, say)]
    paper = _paper_model(model, notes)
    loaded = loaded if paper == model else loading.load_model(paper, settings)
    name = vocabulary.ENGLISH
    columns.append(_keyword_column("Paper", loaded, name, presets.PAPER, seen, settings, say))
    if other is not None:
        named = classifier.load(other)
    else:
        named, note = classifier.load_default()
        notes += [note] if note else []
    columns.append(_classifier_column(named, seen))
    return Comparison(readable, list(pictures.values()), columns, notes)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The photos that can be read, and what reads them."""

    photos: Sequence[Path]
    decoders: Decoders

    def pixels(self, wanted: Preprocess) -> NDArray[np.uint8]:
        """Return the photos as a model sees them: (n, size, size, 3) uint8 sRGB.

        Raises:
            PhotoError: One of them cannot be read any more.
        """
        decoded = []
        for each in self.decoders.run_all(images.decode, self.photos, wanted):
            if isinstance(each, PhotoError):
                raise each
            decoded.append(each.pixels)
        return np.stack(decoded)


def _pictures(photos: Sequence[Path], decoders: Decoders, notes: list[str]) -> dict[Path, bytes]:
    """Return small pictures of the photos that can be read."""
    pictures = {}
    made = decoders.run_all(images.thumbnail, photos, _THUMBNAIL_SIDE)
    for photo, picture in zip(photos, made, strict=True):
        if isinstance(picture, PhotoError):
            notes.append(f"Left out: {picture}")
        else:
            pictures[photo] = picture
    if not pictures:
        raise EvaluationError(f"none of {len(photos)} photos can be read; {notes[-1]}")
    return pictures


def _paper_model(model: str, notes: list[str]) -> str:
    if clip.is_available(PAPER_MODEL):
        return PAPER_MODEL
    notes.append(
        f"The paper's model {PAPER_MODEL} cannot be had here, so its preset runs on {model}: "
        "the way of scoring is the paper's, the quality is not."
    )
    return model


def _keyword_column(
    title: str,
    model: clip.ClipModel,
    words: str,
    preset: scoring.Preset,
    seen: _Seen,
    settings: Settings,
    say: Say,
) -> Column:
    known = vocabulary.load(words)
    say(f"Encoding {len(known):,} words of {known.name}")
    scorer = scoring.build_scorer(
        model,
        known,
        preset.get_prompts(model.folder),
        settings=scoring.ScoringSettings(preset.name, top_k=WORDS),
        cache_dir=settings.cache_dir,
    )
    found = scorer.score(model.encode_images(seen.pixels(model.preprocess)))
    return Column(
        title,
        f"{_shown(model.name)}, {len(known):,} words of {known.name}, "
        f"preset {preset.name}; {preset.number}",
        [[Keyword(tag.word, preset.get_number(tag)) for tag in tags] for tags in found],
    )


def _classifier_column(loaded: classifier.Classifier, seen: _Seen) -> Column:
    found = loaded.classify(seen.pixels(loaded.preprocess), CLASSES)
    note = f"{loaded.name}, {len(loaded.labels):,} labels at {loaded.size} x {loaded.size}; share"
    return Column(
        "Classifier", note, [[Keyword(word, share) for word, share in labels] for labels in found]
    )


def _shown(name: str) -> str:
    return "starter model" if name == names.STARTER else name


def _bars(keywords: Sequence[Keyword]) -> list[dict[str, Any]]:
    """Return words with the length of their bars, against the best of the column, in percent."""
    best = max((keyword.value for keyword in keywords), default=1.0) or 1.0
    return [
        {
            "word": keyword.word,
            "value": _percent(keyword.value),
            "width": round(100 * keyword.value / best, 1),
            "is_faint": keyword.value < best / 2,
        }
        for keyword in keywords
    ]


def _percent(value: float) -> str:
    return f"{value:.0%}" if value >= 0.1 else f"{value:.1%}" if value >= 0.001 else "<0.1%"  # noqa: PLR2004
