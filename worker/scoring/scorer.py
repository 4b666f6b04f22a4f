"""Image vectors in, keywords out: what the pipeline calls, and what re-scores a catalogue.

Two presets: `paper` is Markeev 2022 (cosine, softmax over the vocabulary, DOI
10.24412/2500-1000-2022-11-2-115-120), `default` is measured to be better, see
`docs/keywording.md`. Knows no files but the word vectors' cache and the model's calibration.
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

#: Raised when scores change for the same settings, so that catalogues can tell.
VERSION = 1
#: Words looked at exactly for each that is wanted: near-duplicates among them are dropped.
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
    """Gives image vectors their keywords; safe to call from several threads."""

    def __init__(
        self,
        words: list[str],
        vectors: NDArray[np.float32],
        ranking: Ranking,
        *,
        logit_scale: float,
        choice: selection.Choice,
        digest: str = "",
        device: str = "cpu",
        words_at_once: int = WORDS_AT_ONCE,
    ) -> None:
        """Score `words` by their (n_words, dim) float32 L2-normalised `vectors`."""
        #: sha256 of everything but model, vocabulary and prompts that the scores depend on.
        self.digest = digest
        self._words = words
        self._vectors = vectors
        self._ranking = ranking
        self._logit_scale = logit_scale
        self._choice = choice
        per_tag = _CANDIDATES_PER_TAG if choice.drops_words else 1
        self._count = min(choice.top_k * per_tag + _SPARE_CANDIDATES, len(words))
        self._table = WordTable(
            vectors, ranking, logit_scale=logit_scale, device=device, words_at_once=words_at_once
        )

    def score(self, vectors: NDArray[np.float32]) -> list[tuple[ScoredTag, ...]]:
        """Return the keywords of each of (n, dim) float32 L2-normalised vectors, best first.

        What a photo gets does not depend on the photos beside it.
        """
        found: list[tuple[ScoredTag, ...]] = []
        for start in range(0, len(vectors), PHOTOS_AT_ONCE):
            found += self._score(np.ascontiguousarray(vectors[start : start + PHOTOS_AT_ONCE]))
        return found

    def _score(self, vectors: NDArray[np.float32]) -> list[tuple[ScoredTag, ...]]:
        view = self._ranking.look(vectors)
        found = self._table.find(vectors, view, self._count)
        rated = selection.rate(self._ranking, self._vectors, found.words, view)
        shares = np.exp(rated.cosine * self._logit_scale - found.log_total[:, None])
        confidence = self._confidence(rated.score, shares)
        chosen = selection.choose(self._choice, self._ranking, self._vectors, rated)
        return [
            tuple(
                ScoredTag(self._words[word], score=share, similarity=cosine, confidence=sure)
                for word, share, cosine, sure in zip(
                    rated.words[photo, places].tolist(),
                    shares[photo, places].tolist(),
                    rated.cosine[photo, places].tolist(),
                    confidence[photo, places].tolist(),
                    strict=True,
                )
            )
            for photo, places in enumerate(chosen)
        ]

    def _confidence(
        self, score: NDArray[np.float64], shares: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if self._ranking.sigmoid is None:  # the paper means every word it gives: none is below 1/2
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
    """Encode the vocabulary's words where not yet cached and return what scores photos with them.

    `progress(done, total)` counts words to encode. Raises ModelError for a calibration beside the
    model that cannot be read.
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
        choice=preset.choose_from(vocabulary, ranked, settings.top_k),
        digest=digests.digest_of(json.dumps(identity, sort_keys=True)),
        device=model.device,
    )
