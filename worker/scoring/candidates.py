"""Finds the best words of many photos without holding the whole table of photos by words.

`scorer` asks for candidates and then scores these few exactly (`selection`). With cosines scaled to
logits and `shift` subtracted to keep exponentials in range, the ranking's scores are

    (gain * (logits - shift) / logit_scale + [projection, shift / logit_scale, spread]
        @ [loading, gain, offset].T) / spread

and since the division by a photo's spread keeps the order of its words, it is left out.
"""

import threading
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from worker.scoring.ranking import ProjectedImages, Ranking

#: Words and photos per product: 32 MB of logits, and as much of scores.
WORDS_AT_ONCE = 16384
PHOTOS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Candidates:
    """The best words of some photos, in no order, and the denominators of their softmax."""

    #: (n_photos, count) int64
    words: NDArray[np.int64]
    #: (n_photos,) float64: log of the sum over all words of exp(logit_scale * cosine).
    log_total: NDArray[np.float64]


class WordTable:
    """Word vectors (n_words, dim) and a ranking, laid out for products on a device."""

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
        loading = [ranking.loading, ranking.gain[:, None], ranking.offset[:, None]]
        self._loading = torch.from_numpy(np.concatenate(loading, axis=1)).to(device)
        self._gain = torch.from_numpy(ranking.gain / np.float32(logit_scale)).to(device)
        self._is_plain = bool((loading[0] == 0).all() and (loading[1] == 1).all()) and not bool(
            loading[2].any()
        )
        self._logit_scale = logit_scale
        self._words_at_once = words_at_once
        self._local = threading.local()

    def find(
        self, images: NDArray[np.float32], projected: ProjectedImages, count: int
    ) -> Candidates:
        """Return the `count` best words of each image, and its softmax denominator.

        Args:
            images: (n, dim) float32, L2-normalised.
            projected: The same images, from `Ranking.project`.
            count: Words per image.
        """
        queries = torch.from_numpy(images).to(self._vectors.device) * self._logit_scale
        shift = self._shift(queries)
        factors = self._factors(projected, shift)
        total = torch.zeros(len(images), dtype=torch.float64, device=queries.device)
        best = torch.zeros((len(images), 0), device=queries.device)
        words = torch.zeros((len(images), 0), dtype=torch.int64, device=queries.device)
        buffers = self._buffers(len(images))
        for start in range(0, len(self._vectors), self._words_at_once):
            chunk = slice(start, start + self._words_at_once)
            logits, scores = self._score(queries, shift, factors, chunk, buffers)
            found = torch.topk(scores, min(count, scores.shape[1]), dim=1, sorted=False)
            best = torch.cat([best, found.values], dim=1)
            words = torch.cat([words, found.indices + start], dim=1)
            if best.shape[1] > count:
                kept = torch.topk(best, count, dim=1, sorted=False)
                best, words = kept.values, words.gather(1, kept.indices)
            total += logits.exp_().sum(dim=1)
        log_total = (total.log() + shift[:, 0]).cpu().numpy()
        return Candidates(words.cpu().numpy(), self._without_overflow(log_total, queries))

    def _buffers(self, photos: int) -> torch.Tensor:
        """Return memory for two tables; each thread keeps its own, since allocating is slow."""
        needed = photos * min(self._words_at_once, len(self._vectors))
        kept: torch.Tensor | None = getattr(self._local, "buffers", None)
        if kept is None or kept.shape[1] < needed:
            kept = torch.empty((2, needed), device=self._vectors.device)
            self._local.buffers = kept
        return kept

    def _score(
        self,
        queries: torch.Tensor,
        shift: torch.Tensor,
        factors: torch.Tensor,
        chunk: slice,
        buffers: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits - shift and the scores of a chunk of words, both in the buffers."""
        vectors = self._vectors[chunk]
        size = (len(queries), len(vectors))
        logits, scores = (buffer[: size[0] * size[1]].view(size) for buffer in buffers)
        torch.addmm(shift, queries, vectors.T, beta=-1, out=logits)
        if self._is_plain:
            return logits, logits
        torch.mul(logits, self._gain[chunk], out=scores)
        return logits, scores.addmm_(factors, self._loading[chunk].T)

    def _factors(self, projected: ProjectedImages, shift: torch.Tensor) -> torch.Tensor:
        shifts = shift.cpu().numpy() / self._logit_scale
        sides = [projected.projection, shifts, projected.spread[:, None]]
        factors = np.concatenate(sides, axis=1).astype(np.float32)
        return torch.from_numpy(factors).to(self._vectors.device)

    def _shift(self, queries: torch.Tensor) -> torch.Tensor:
        """Return (n, 1): a logit near each photo's highest, to keep exponentials in range."""
        sample = self._vectors[:: max(1, len(self._vectors) // 512)]
        return (queries @ sample.T).amax(dim=1, keepdim=True)

    def _without_overflow(
        self, log_total: NDArray[np.float64], queries: torch.Tensor
    ) -> NDArray[np.float64]:
        """Recompute, slowly, the totals of photos whose exponentials left float32's range."""
        for photo in np.flatnonzero(~np.isfinite(log_total)):
            logits = self._vectors @ queries[photo]
            log_total[photo] = torch.logsumexp(logits, dim=0).item()
        return log_total
