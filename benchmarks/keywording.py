"""Measures the accuracy of scoring presets on stored embeddings of real photos with captions.

    python benchmarks/keywording.py --vectors DIR

DIR contains `image_emb.npy` and `word_emb.npy` (embeddings from one CLIP model, a row each),
`images.csv` with the captions of each photo separated by " | ", and `words.csv` with the column
`word`. The right words of a photo are those that occur in its captions, both lemmatized. Photos
with at least five captions are the main set; since they are few (48), those with fewer captions are
reported separately as "weak".
"""

import argparse
import csv
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from worker import scoring
from worker.scoring import presets, ranking, selection, whitening
from worker.scoring import prior as priors
from worker.scoring.ranking import Ranking
from worker.vocabulary import english
from worker.vocabulary.keywords import Keyword, Vocabulary

Truth = dict[int, NDArray[np.int64]]
_LOGIT_SCALE = 100.0


@dataclass(frozen=True)
class Data:
    """Embeddings, and the right words of each photo."""

    images: NDArray[np.float32]
    words: NDArray[np.float32]
    names: Vocabulary
    strong: Truth
    weak: Truth


@dataclass(frozen=True)
class Figures:
    """Precision@5, recall@10 and average precision: (n_photos,) float64 each."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    average: NDArray[np.float64]


def main() -> None:
    """Print the ablation, the cross-validated figures, the scorer's figures and the calibration."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vectors", type=Path, required=True)
    data = read(parser.parse_args().vectors)
    console = Console()
    console.print(ablation(data))
    console.print(cross_validated(data))
    console.print(chosen_keywords(data))
    console.print(calibration(data))


def read(folder: Path) -> Data:
    """Return the embeddings of a folder, and the words found in each photo's captions."""
    with (folder / "words.csv").open(encoding="utf-8", newline="") as file:
        names = [row["word"] for row in csv.DictReader(file)]
    with (folder / "images.csv").open(encoding="utf-8", newline="") as file:
        captions = [
            [text for text in row["captions"].split(" | ") if text.strip()]
            for row in csv.DictReader(file)
        ]
    lemmas: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        lemmas.setdefault(_lemmas(name), []).append(place)
    found = {row: _mentioned(texts, lemmas) for row, texts in enumerate(captions)}
    return Data(
        images=_unit(np.load(folder / "image_emb.npy")),
        words=_unit(np.load(folder / "word_emb.npy")),
        names=Vocabulary("stored", tuple(map(Keyword, names))),
        strong={
            row: right for row, right in found.items() if len(right) and len(captions[row]) >= 5
        },
        weak={row: right for row, right in found.items() if len(right) and len(captions[row]) < 5},
    )


def _unit(vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    exact = vectors.astype(np.float32)
    unit: NDArray[np.float32] = exact / np.linalg.norm(exact, axis=1, keepdims=True)
    return unit


def _lemmas(text: str) -> str:
    return " ".join(english.lemma(word) for word in re.findall("[a-z]+", text.lower()))


def _mentioned(captions: Sequence[str], lemmas: dict[str, list[int]]) -> NDArray[np.int64]:
    longest = max(len(name.split()) for name in lemmas)
    found: set[int] = set()
    for caption in captions:
        said = _lemmas(caption).split()
        for length in range(1, longest + 1):
            for start in range(len(said) - length + 1):
                found.update(lemmas.get(" ".join(said[start : start + length]), ()))
    return np.array(sorted(found), np.int64)


def measure(scores: NDArray[np.float64], truth: Truth) -> Figures:
    """Return precision@5, recall@10 and average precision of (n_photos, n_words) scores.

    With the right words at ranks r_1 < r_2 < ... < r_n, average precision is the mean of i / r_i.
    """
    rows = []
    for photo, right in truth.items():
        order = np.argsort(-scores[photo], kind="stable")
        hits = np.isin(order, right)
        places = np.flatnonzero(hits) + 1
        average = np.mean(np.arange(1, len(places) + 1) / places)
        rows.append((hits[:5].mean(), hits[:10].sum() / len(right), average))
    return Figures(*np.array(rows).T)


def all_scores(data: Data, made: Ranking) -> NDArray[np.float64]:
    """Return the score of every word for every photo: (n_photos, n_words) float64."""
    everything = np.tile(np.arange(len(data.words)), (len(data.images), 1))
    cosine = data.images.astype(np.float64) @ data.words.T.astype(np.float64)
    return made.score(everything, cosine, made.project(data.images))


def made(
    data: Data, *, shrinkage: float = whitening.SHRINKAGE, rank: int = whitening.RANK, weight: float
) -> Ranking:
    """Return the default ranking with different settings."""
    prior = priors.build(data.names) / priors.WEIGHT * weight
    return whitening.build(
        data.words, data.words, prior, sigmoid=(1.0, 0.0), shrinkage=shrinkage, rank=rank
    )


def without_phrases(data: Data) -> NDArray[np.float64]:
    """Return the prior without the phrase rule: it treats a phrase like its rarest word."""
    zipf = [
        english.zipf(word) + english.PHRASE_ZIPF * (len(word.split()) - 1)
        for word in data.names.words
    ]
    return priors.WEIGHT * np.clip(zipf, *priors.ZIPF_RANGE)


def variants(data: Data) -> dict[str, Callable[[], Ranking]]:
    """Return the steps from the paper's scoring to the default, and variations of the default."""
    shape = data.words.shape
    plain = np.zeros(len(data.words))
    full = made(data, weight=priors.WEIGHT)
    return {
        "the paper's: cosine, softmax": lambda: ranking.paper(*shape),
        "+ centred": lambda: made(data, rank=0, weight=0.0),
        "+ centred, whitened": lambda: made(data, weight=0.0),
        "+ centred, whitened, prior = default": lambda: full,
        "default without whitening": lambda: made(data, rank=0, weight=priors.WEIGHT),
        "default without the phrase rule": lambda: replace(
            full, offset=without_phrases(data).astype(np.float32)
        ),
        "default without prior": lambda: replace(full, offset=plain.astype(np.float32)),
        "default, prior x 0.5": lambda: made(data, weight=priors.WEIGHT * 0.5),
        "default, prior x 1.5": lambda: made(data, weight=priors.WEIGHT * 1.5),
        "default, shrinkage 0.5": lambda: made(data, shrinkage=0.5, weight=priors.WEIGHT),
        "default, shrinkage 8": lambda: made(data, shrinkage=8.0, weight=priors.WEIGHT),
        "default, 16 directions": lambda: made(data, rank=16, weight=priors.WEIGHT),
        "default, 64 directions": lambda: made(data, rank=64, weight=priors.WEIGHT),
        "default, all directions": lambda: made(data, rank=shape[1], weight=priors.WEIGHT),
    }


def ablation(data: Data) -> Table:
    """Return a table of the figures of each variant."""
    table = Table("scoring", "P@5", "R@10", "mAP", "± s.e.", "weak P@5", "weak mAP")
    for name, make in variants(data).items():
        scores = all_scores(data, make())
        strong, weak = measure(scores, data.strong), measure(scores, data.weak)
        error = strong.average.std(ddof=1) / len(strong.average) ** 0.5
        values = (strong.precision.mean(), strong.recall.mean(), strong.average.mean(), error)
        values += (weak.precision.mean(), weak.average.mean())
        table.add_row(name, *(f"{value:.3f}" for value in values))
    table.title = f"{len(data.strong)} photos with five captions, {len(data.weak)} weak"
    return table


def cross_validated(data: Data, folds: int = 5) -> Table:
    """Return a table of cross-validated figures: each fold uses settings chosen on the others."""
    grid = [(s, r, w) for s in (1.0, 2.0, 4.0) for r in (16, 32, 64) for w in (0.4, 0.8, 1.0, 1.2)]
    everyone = {**data.strong, **data.weak}
    figures = [
        measure(all_scores(data, made(data, shrinkage=s, rank=r, weight=w)), everyone)
        for s, r, w in grid
    ]
    order = np.random.default_rng(0).permutation(len(everyone))
    is_strong = np.array([photo in data.strong for photo in everyone])
    average, precision = np.zeros(len(order)), np.zeros(len(order))
    for fold in range(folds):
        held, used = order[fold::folds], np.delete(order, np.s_[fold::folds])
        best = max(range(len(grid)), key=lambda each: float(figures[each].average[used].mean()))
        average[held], precision[held] = figures[best].average[held], figures[best].precision[held]
    table = Table("settings chosen on the other folds", "P@5", "mAP")
    for name, rows in (("five captions", is_strong), ("weak", ~is_strong)):
        table.add_row(name, f"{precision[rows].mean():.3f}", f"{average[rows].mean():.3f}")
    return table


def chosen_keywords(data: Data) -> Table:
    """Return a table of the figures of the real scorer, with and without near-duplicates."""
    table = Table("scorer", "P@5", "R@10", "mAP")
    preset = presets.rank_whitened(data.words, data.words, priors.build(data.names))
    for name, made_ranking, likeness in (
        ("paper", ranking.paper(*data.words.shape), None),
        ("default", preset.ranking, None),
        ("default, near-duplicates dropped", preset.ranking, preset.max_likeness),
    ):
        scorer = scoring.Scorer(
            data.names.words,
            data.words,
            made_ranking,
            logit_scale=_LOGIT_SCALE,
            rule=selection.Rule(1000, likeness),
        )
        places = {word: place for place, word in enumerate(data.names.words)}
        scores = np.full((len(data.images), len(places)), -np.inf)
        for photo, tags in enumerate(scorer.score(data.images)):
            for rank, tag in enumerate(tags):
                scores[photo, places[tag.word]] = -rank
        found = measure(scores, data.strong)
        values = (found.precision.mean(), found.recall.mean(), found.average.mean())
        table.add_row(name, *(f"{value:.3f}" for value in values))
    return table


def calibration(data: Data, folds: int = 6) -> Table:
    """Return a table of how often words are right at each confidence, cross-validated.

    Confidence is sigmoid(slope * score + intercept); the title gives the fit on all photos.
    """
    from sklearn.linear_model import LogisticRegression

    scores = all_scores(data, made(data, weight=priors.WEIGHT))
    photos = np.array(list(data.strong))
    right = np.array([np.isin(np.arange(len(data.words)), data.strong[row]) for row in photos])
    fit = LogisticRegression(C=1e6).fit(scores[photos].reshape(-1, 1), right.ravel())
    confidence = np.zeros(right.shape)
    order = np.random.default_rng(0).permutation(len(photos))
    for fold in range(folds):
        held, used = order[fold::folds], np.delete(order, np.s_[fold::folds])
        part = LogisticRegression(C=1e6)
        part.fit(scores[photos[used]].reshape(-1, 1), right[used].ravel())
        held_scores = scores[photos[held]].reshape(-1, 1)
        confidence[held] = part.predict_proba(held_scores)[:, 1].reshape(right[held].shape)
    table = Table("confidence", "words", "mean confidence", "right")
    edges = (0, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0001)
    for low, high in itertools.pairwise(edges):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            shares = (f"{confidence[inside].mean():.3f}", f"{right[inside].mean():.3f}")
            table.add_row(f"{low} to {high:.2g}", str(inside.sum()), *shares)
    slope, intercept = fit.coef_[0, 0], fit.intercept_[0]
    table.title = f"sigmoid({slope:.2f} * score {intercept:+.2f}), held-out photos"
    return table


if __name__ == "__main__":
    main()
