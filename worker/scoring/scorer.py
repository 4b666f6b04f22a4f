"""Turns image vectors into keywords; the pipeline, `kadr retag` and evaluation call it.

There are two presets: `paper` is Markeev 2022 (cosine, softmax over the vocabulary, DOI
10.24412/2500-1000-2022-11-2-115-120); `default` measured better, see `docs/keywording.md`. The only
files it touches are the cache of word vectors and the model's calibration.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.errors import SettingsError
from catalog.tags.results import ScoredTag
from worker import digests
from worker.reporting import Progress
from worker.scoring import presets, selection
from worker.scoring.candidates import PHOTOS_AT_ONCE, WORDS_AT_ONCE, WordTable
from worker.scoring.ranking import Ranking
from worker.scoring.word_vectors import TextModel
from worker.vocabulary.keywords import Vocabulary
from worker.vocabulary.prompts import Prompts

#: Part of a scorer's digest: incremented when the same settings give other scores.
VERSION = 1
#: Candidates scored exactly per wanted keyword, some of which are dropped as near-duplicates.
_CANDIDATES_PER_TAG = 2
_SPARE_CANDIDATES = 8


@dataclass(frozen=True, slots=True)
class ScoringSettings:
    """What a person may choose about scoring; part of a tagger's identity."""

    #: Name of a preset.
    preset: str = presets.DEFAULT.name
    #: Keywords per photo.
    top_k: int = 10

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            SettingsError: There is no such preset, or `top_k` is out of range.
        """
        presets.get(self.preset)
        if not 1 <= self.top_k <= 1000:  # noqa: PLR2004
            raise SettingsError(f"top_k {self.top_k}: must be from 1 to 1000 keywords a photo")


class Scorer:
    """Returns the keywords of image vectors; safe to call from several threads."""

    def __init__(
        self,
        words: list[str],
        vectors: NDArray[np.float32],
        ranking: Ranking,
        *,
        logit_scale: float,
        rule: selection.Rule,
        digest: str = "",
        device: str = "cpu",
        words_at_once: int = WORDS_AT_ONCE,
    ) -> None:
        """Prepare to score `words` by their `vectors`, (n_words, dim) float32, L2-normalised."""
        #: sha256 of everything that scores depend on, except model, vocabulary and prompts.
        self.digest = digest
        self._words = words
        self._vectors = vectors
        self._ranking = ranking
        self._logit_scale = logit_scale
        self._rule = rule
        per_tag = _CANDIDATES_PER_TAG if rule.drops_words else 1
        self._count = min(rule.top_k * per_tag + _SPARE_CANDIDATES, len(words))
        self._table = WordTable(
            vectors, ranking, logit_scale=logit_scale, device=device, words_at_once=words_at_once
        )

    def score(self, vectors: NDArray[np.float32]) -> list[tuple[ScoredTag, ...]]:
        """Return the keywords of each of (n, dim) float32 L2-normalised vectors, best first.

        A photo's keywords do not depend on the other photos.
        """
        found: list[tuple[ScoredTag, ...]] = []
        for start in range(0, len(vectors), PHOTOS_AT_ONCE):
            found += self._score(np.ascontiguousarray(vectors[start : start + PHOTOS_AT_ONCE]))
        return found

    def _score(self, vectors: NDArray[np.float32]) -> list[tuple[ScoredTag, ...]]:
        images = self._ranking.project(vectors)
        found = self._table.find(vectors, images, self._count)
        ranked = selection.rank_exactly(self._ranking, self._vectors, found.words, images)
        shares = np.exp(ranked.cosine * self._logit_scale - found.log_total[:, None])
        confidence = self._confidence(ranked.score, shares)
        selected = selection.select(self._rule, self._ranking, self._vectors, ranked)
        return [
            tuple(
                ScoredTag(self._words[word], score=share, similarity=cosine, confidence=sure)
                for word, share, cosine, sure in zip(
                    ranked.words[photo, places].tolist(),
                    shares[photo, places].tolist(),
                    ranked.cosine[photo, places].tolist(),
                    confidence[photo, places].tolist(),
                    strict=True,
                )
            )
            for photo, places in enumerate(selected)
        ]

    def _confidence(
        self, score: NDArray[np.float64], shares: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if self._ranking.sigmoid is None:  # the paper asserts each of its words: none is below 1/2
            return 0.5 + 0.5 * np.clip(shares, 0.0, 1.0)
        slope, intercept = self._ranking.sigmoid
        confidence: NDArray[np.float64] = 1 / (1 + np.exp(-(slope * score + intercept)))
        return confidence


def build_scorer(
    model: TextModel,
    vocabulary: Vocabulary,
    prompts: Prompts,
    *,
    settings: ScoringSettings,
    cache_dir: Path | None,
    progress: Progress | None = None,
) -> Scorer:
    """Return the scorer of a vocabulary; words that are not in the cache are encoded.

    Args:
        model: Encodes the words; brings its logit scale and perhaps a calibration.
        vocabulary: The words.
        prompts: The templates of words without templates of their own.
        settings: Preset and number of keywords.
        cache_dir: Where word vectors are cached; None: nowhere.
        progress: Called as `progress(done, total)` with the number of words encoded.

    Raises:
        ModelError: The model's calibration cannot be read.
    """
    preset = presets.get(settings.preset)
    ranked = presets.build(
        preset, model, vocabulary, prompts, cache_dir=cache_dir, progress=progress
    )
    identity = [VERSION, dataclasses.asdict(settings), ranked.identity]
    return Scorer(
        vocabulary.words,
        ranked.vectors,
        ranked.ranking,
        logit_scale=model.logit_scale,
        rule=preset.selection_rule(vocabulary, ranked, settings.top_k),
        digest=digests.digest_of(json.dumps(identity, sort_keys=True)),
        device=model.device,
    )
