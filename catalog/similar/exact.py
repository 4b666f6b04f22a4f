"""Photos that look like a text or like another photo: exact search over the stored vectors.

What is not there must not be found: the best of a million photos always looks a little like
anything. A catalogue's similarities to one query are taken as mostly chance, around their median;
as many of the greatest count as found as chance explains no more than one in a hundred of
(Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x, with an empirical null).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special
from threadpoolctl import threadpool_limits

from catalog.db.tables import Model
from catalog.errors import ModelMismatchError
from catalog.similar.vector_file import VectorIndex

#: Of photos that are found, the part that chance may have brought.
FALSE_PART = 0.01
#: Rows that are widened to float32 at once: small enough to stay in a processor's cache.
BLOCK_ROWS = 1_024
_SIGN_AND_NUMBER = np.int32(-0x70002000)  # 0x8fffe000
THREADS = 2
#: With fewer photos there is no telling what is chance: the best are shown as they are.
LEAST_PHOTOS = 20
#: What any photo looks like a little; a text is compared with what it says beyond these.
BACKGROUND = (
    *("a photo", "a picture of something", "an object", "a person", "an animal", "a place"),
    *("food", "a plant", "a building", "a vehicle", "clothes", "a room", "a landscape", "a tool"),
    *("a toy", "furniture", "a machine", "text", "water", "the sky", "a street", "an event"),
    *("sports", "music", "a game", "work", "people", "nature", "a city", "night", "a close-up"),
)


class TextEncoder(Protocol):
    """Turns texts into vectors of the space that the photos' vectors are in."""

    @property
    def digest(self) -> str:
        """The model's sha256, as `Model.digest` has it."""

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode texts as (n_texts, dim) float32, L2-normalised."""


@dataclass(frozen=True, slots=True)
class Match:
    """A photo and how much it is alike."""

    photo_id: int
    #: Of the directions, in [-1, 1]; comparable within one query.
    similarity: float


def encode_query(encoder: TextEncoder, text: str, model: Model) -> NDArray[np.float32]:
    """Give the direction (dim,) float32 in which photos look more like the text than like any.

    Raises:
        ModelMismatchError: the encoder is not of the model that the photos' vectors are by.
    """
    if encoder.digest != model.digest:
        message = (
            f"the photos were encoded by {model.name}, the text would be by another model; "
            "run `kadr doctor`"
        )
        raise ModelMismatchError(message)
    vectors = encoder.encode_texts([text, *BACKGROUND])
    return _unit(vectors[0] - vectors[1:].mean(axis=0))


def like_photo(sample: NDArray[np.float16], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the direction in which photos look more like one photo than like the average one.

    `sample` is (n, dim) float16, some of the catalogue's vectors; `vector` (dim,) float32.
    """
    mean = sample.astype(np.float32).mean(axis=0)
    direction = vector - mean
    return _unit(direction if np.linalg.norm(direction) > 1e-3 else vector)  # noqa: PLR2004


def find_nearest(
    index: VectorIndex,
    direction: NDArray[np.float32],
    *,
    limit: int = 50,
    among: NDArray[np.int64] | None = None,
    cut: bool = True,
) -> list[Match]:
    """Find the photos most alike, best first; with `cut`, only those that chance does not explain.

    `direction` is (dim,) float32, L2-normalised; `among` (n,) int64 are the photos to choose from.
    """
    similarities = rate(index.vectors, direction)
    is_there = index.photo_ids > 0
    least = find_cut(similarities[is_there]) if cut else -np.inf
    allowed = is_there & (similarities >= least)
    if among is not None:
        allowed &= np.isin(index.photo_ids, among)
    rows = np.flatnonzero(allowed)
    if len(rows) > limit:
        rows = rows[np.argpartition(-similarities[rows], limit - 1)[:limit]]
    order = rows[np.lexsort((-index.photo_ids[rows], -similarities[rows]))]
    return [Match(int(index.photo_ids[row]), float(similarities[row])) for row in order]


def rate(vectors: NDArray[np.float16], direction: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the cosine of every row: (n_rows,) float32, block by block on a few threads.

    NumPy widens float16 one number at a time. Moved into a float32's place, the same bits are the
    number times 2**-112 (the two exponents' biases differ by 112), which the direction makes good:
    the sums are the same to the bit, and take a fifth of the time. BLAS has one thread meanwhile:
    more of its own beside these contend, and take three times as long.
    """
    found = np.empty(len(vectors), dtype=np.float32)
    bits, scaled = vectors.view("<i2"), direction * np.float32(2.0**112)

    def rate_part(low: int, high: int) -> None:
        wide = np.empty((BLOCK_ROWS, vectors.shape[1]), dtype=np.int32)
        for start in range(low, high, BLOCK_ROWS):
            end = min(start + BLOCK_ROWS, high)
            block = wide[: end - start]
            block[:] = bits[start:end]
            np.left_shift(block, 13, out=block)
            np.bitwise_and(block, _SIGN_AND_NUMBER, out=block)  # clears copies of the sign
            np.dot(block.view(np.float32), scaled, out=found[start:end])

    edges = np.linspace(0, len(vectors), THREADS + 1).astype(int).tolist()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(rate_part, edges[:-1], edges[1:]))
    return found


@dataclass(frozen=True, slots=True)
class Chance:
    """How alike photos are to a query that have nothing to do with it: a normal curve."""

    middle: float
    spread: float

    @classmethod
    def of(cls, similarities: NDArray[np.float32]) -> "Chance":
        """Fit the curve to the lower half of similarities (n,), which knows no matches."""
        low, middle = np.percentile(similarities, [15.87, 50])
        return cls(float(middle), max(float(middle - low), 1e-6))

    def find_cut(self, best: NDArray[np.float32], total: int) -> float:
        """Give the least of the `best` (n,), falling, of `total` that chance does not explain."""
        explained = special.ndtr(-(best - self.middle) / self.spread)
        passed = np.flatnonzero(explained <= FALSE_PART * np.arange(1, len(best) + 1) / total)
        return float(best[passed[-1]]) if passed.size else np.inf


def find_cut(similarities: NDArray[np.float32]) -> float:
    """Give the least similarity that counts as found; more than any where nothing does."""
    if len(similarities) < LEAST_PHOTOS:
        return -np.inf
    chance = Chance.of(similarities)
    best = -np.sort(-similarities[similarities > chance.middle + chance.spread])
    return chance.find_cut(best, len(similarities))


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(
        np.float32
    )
    return unit
