"""The best words of many photos without the whole table of photos by words in memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from worker.ranking import Ranking, View

#: Words and photos of one product: 16 MB of logits.
WORDS_AT_ONCE = 8192
PHOTOS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Candidates:
    """The best words of a few photos, in no order, and what the softmax divides by."""

    #: (n_photos, count) int64
    words: NDArray[np.int64]
    #: (n_photos,) float64: log of the sum over all words of exp(logit_scale * cosine).
    log_total: NDArray[np.float64]


class WordTable:
    """(n_words, dim) word vectors with a ranking, laid out for products on a device."""

    def __init__(
        self,
        vectors: NDArray[np.float32],
        ranking: Ranking,
        *,
        logit_scale: float,
        device: str = "cpu",
        words_at_once: int = WORDS_AT_ONCE,
    ) -> None:
        self._vectors = torch.from_numpy(vectors).to(device)
        # beside the ranking's own: the gain meets what was taken off the logits, the offset meets
        # the photo's spread (dividing all by that keeps the order of the words)
        loading = [ranking.loading, ranking.gain[:, None], ranking.offset[:, None]]
        self._loading = torch.from_numpy(np.concatenate(loading, axis=1)).to(device)
        self._gain = torch.from_numpy(ranking.gain / np.float32(logit_scale)).to(device)
        self._is_plain = bool((loading[0] == 0).all() and (loading[1] == 1).all()) and not bool(
            loading[2].any()
        )
        self._logit_scale = logit_scale
        self._words_at_once = words_at_once

    def find(self, images: NDArray[np.float32], view: View, count: int) -> Candidates:
        """Return the `count` best words of each of (n, dim) images, and their softmax totals."""
        device = self._vectors.device
        queries = torch.from_numpy(images).to(device) * self._logit_scale
        shift = self._highest(queries)
        sides = [view.projection, shift.cpu().numpy() / self._logit_scale, view.spread[:, None]]
        factors = torch.from_numpy(np.concatenate(sides, axis=1).astype(np.float32)).to(device)
        total = torch.zeros(len(images), dtype=torch.float64, device=device)
        best = torch.zeros((len(images), 0), device=device)
        words = torch.zeros((len(images), 0), dtype=torch.int64, device=device)
        for start, chunk in self._chunks():
            logits = torch.addmm(shift, queries, self._vectors[chunk].T, beta=-1)
            scores = self._scores(logits, factors, chunk)
            found = torch.topk(scores, min(count, scores.shape[1]), dim=1, sorted=False)
            best = torch.cat([best, found.values], dim=1)
            words = torch.cat([words, found.indices + start], dim=1)
            if best.shape[1] > count:
                kept = torch.topk(best, count, dim=1, sorted=False)
                best, words = kept.values, words.gather(1, kept.indices)
            total += logits.exp_().sum(dim=1)
        log_total = (total.log() + shift[:, 0]).cpu().numpy()
        return Candidates(words.cpu().numpy(), self._safe(log_total, queries))

    def _scores(self, logits: torch.Tensor, factors: torch.Tensor, chunk: slice) -> torch.Tensor:
        if self._is_plain:
            return logits
        return torch.addmm(logits * self._gain[chunk], factors, self._loading[chunk].T)

    def _highest(self, queries: torch.Tensor) -> torch.Tensor:
        """Return (n, 1) a logit near each photo's highest, so that exponentials stay in range."""
        sample = self._vectors[:: max(1, len(self._vectors) // 512)]
        return (queries @ sample.T).amax(dim=1, keepdim=True)

    def _safe(self, log_total: NDArray[np.float64], queries: torch.Tensor) -> NDArray[np.float64]:
        """Sum those photos' exponentials again, slowly, that were out of float32's range."""
        for photo in np.flatnonzero(~np.isfinite(log_total)):
            logits = self._vectors @ queries[photo]
            log_total[photo] = torch.logsumexp(logits, dim=0).item()
        return log_total

    def _chunks(self) -> Iterator[tuple[int, slice]]:
        for start in range(0, len(self._vectors), self._words_at_once):
            yield start, slice(start, start + self._words_at_once)
