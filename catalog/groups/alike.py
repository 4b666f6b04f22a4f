"""Finds near duplicates (one picture in several sizes or edits) and bursts.

`catalog.groups.kinds` lists them, `kadr search` folds them. Candidates come from random hyperplanes
(Charikar 2002, doi:10.1145/509907.509965): similar vectors lie on the same side of most of them.
Each candidate pair is then compared exactly. Time and memory grow with the number of photos, not of
pairs.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import query
from catalog.db import sql
from catalog.db.tables import Photo
from catalog.query import all_matches
from catalog.similar.vector_file import VectorFile

#: Least cosine of two near duplicates, after the catalogue's mean is subtracted from both vectors.
ALIKE = 0.95
#: Least cosine of two photos of a burst, by one camera and at most so many seconds apart.
BURST_ALIKE, BURST_S = 0.75, 5
#: Tables of hyperplanes; more of them miss fewer pairs.
TABLES = 16
#: Each photo is compared with at most so many that follow it in its bucket.
_BUCKET = 32
_PAIRS_AT_ONCE = 20_000
_BLOCK_ROWS = 8_192
#: At most so many photos are selected by id; for more, all rows are read.
_FEW_PHOTOS = 1_000


@dataclass(frozen=True, slots=True)
class AlikePhotos:
    """Photos that are nearly the same picture."""

    #: The one shown first when they are folded: the largest, then the oldest.
    photo_ids: tuple[int, ...]


def find_alike(session: Session, index: VectorFile, *, within: str = "") -> list[AlikePhotos]:
    """Return the sets of near duplicates and bursts among a query's photos, the largest first."""
    wanted = all_matches.find_id_array(session, query.prepare(session, within))
    rows = np.flatnonzero(np.isin(index.photo_ids, wanted))
    ids = index.photo_ids[rows]
    vectors = centred(index.vectors[rows])
    pairs = [near_pairs(vectors, ALIKE), _burst_pairs(session, ids, vectors)]
    return _sets(session, ids, np.concatenate(pairs))


def fold(session: Session, index: VectorFile, photo_ids: Sequence[int]) -> dict[int, list[int]]:
    """Fold near duplicates and bursts among a page's photos.

    Return the photos that stay, in order, each with the photos folded into it.
    """
    rows = np.flatnonzero(np.isin(index.photo_ids, photo_ids))
    ids = index.photo_ids[rows]
    step = max(1, len(index.vectors) // _BLOCK_ROWS)
    mean = index.vectors[::step].astype(np.float32).mean(axis=0)
    vectors = index.vectors[rows].astype(np.float32) - mean
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    bursts = _label(len(ids), _burst_pairs(session, ids, vectors.astype(np.float16)))
    row_of = {int(photo_id): row for row, photo_id in enumerate(ids)}
    kept: dict[int, list[int]] = {}
    shown: list[int] = []  # rows
    for photo_id in photo_ids:
        row = row_of.get(photo_id)
        alike = np.empty(0, dtype=np.int64)
        if row is not None:
            is_alike = vectors[shown] @ vectors[row] >= ALIKE
            alike = np.flatnonzero(is_alike | (bursts[shown] == bursts[row]))
        if alike.size:
            kept[int(ids[shown[alike[0]]])].append(photo_id)
            continue
        kept[photo_id] = []
        shown += [] if row is None else [row]
    return kept


def centred(vectors: NDArray[np.floating]) -> NDArray[np.float16]:
    """Return vectors minus their mean, L2-normalised: (n, dim) float16."""
    found = np.empty(vectors.shape, dtype=np.float16)
    mean = np.zeros(vectors.shape[1], dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK_ROWS):
        mean += vectors[start : start + _BLOCK_ROWS].astype(np.float32).sum(axis=0)
    mean /= max(1, len(vectors))
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = vectors[start : start + _BLOCK_ROWS].astype(np.float32) - mean
        length = np.linalg.norm(block, axis=1, keepdims=True)
        found[start : start + _BLOCK_ROWS] = block / np.maximum(length, 1e-6)
    return found


def near_pairs(vectors: NDArray[np.float16], least: float, *, seed: int = 0) -> NDArray[np.int64]:
    """Return nearly all pairs of rows (n_pairs, 2) whose cosine is at least `least`."""
    random = np.random.default_rng(seed)
    bits = max(4, int(np.ceil(np.log2(max(2, len(vectors))))) - 2)
    found = [np.empty((0, 2), dtype=np.int64)]
    for _ in range(TABLES):
        planes = random.standard_normal((vectors.shape[1], bits)).astype(np.float32)
        for candidates in _candidates(_codes(vectors, planes)):
            close = _cosines(vectors, candidates) >= least
            found.append(candidates[close])
    return np.unique(np.concatenate(found), axis=0)


def _codes(vectors: NDArray[np.float16], planes: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return for each vector its sides of the hyperplanes, as bits of an integer."""
    powers = 1 << np.arange(planes.shape[1], dtype=np.int64)
    codes = np.empty(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = vectors[start : start + _BLOCK_ROWS].astype(np.float32)
        codes[start : start + _BLOCK_ROWS] = ((block @ planes) > 0) @ powers
    return codes


def _candidates(codes: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield pairs of rows with equal codes, in blocks, by their distance in the bucket."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    for distance in range(1, _BUCKET):
        same = np.flatnonzero(ordered[distance:] == ordered[:-distance])
        if not same.size:
            return
        pairs = np.sort(np.column_stack([order[same], order[same + distance]]), axis=1)
        for start in range(0, len(pairs), _PAIRS_AT_ONCE):
            yield pairs[start : start + _PAIRS_AT_ONCE]


def _cosines(vectors: NDArray[np.float16], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    first, second = (vectors[pairs[:, side]].astype(np.float32) for side in (0, 1))
    cosines: NDArray[np.float32] = np.einsum("ij,ij->i", first, second)
    return cosines


def _burst_pairs(
    session: Session, ids: NDArray[np.int64], vectors: NDArray[np.float16]
) -> NDArray[np.int64]:
    """Return pairs of successive photos by one camera that are close in time and similar."""
    row_of = {int(photo_id): row for row, photo_id in enumerate(ids)}
    dated = select(Photo.id, Photo.taken_at, Photo.camera).where(Photo.taken_at.is_not(None))
    if len(ids) <= _FEW_PHOTOS:
        dated = dated.where(Photo.id.in_(ids.tolist()))
    taken = [
        (camera or "", moment, row_of[photo_id])
        for photo_id, moment, camera in session.execute(dated)
        if photo_id in row_of and moment is not None
    ]
    taken.sort()
    pairs = [
        (min(before[2], after[2]), max(before[2], after[2]))
        for before, after in itertools.pairwise(taken)
        if before[0] == after[0] and (after[1] - before[1]).total_seconds() <= BURST_S
    ]
    if not pairs:
        return np.empty((0, 2), dtype=np.int64)
    found = np.array(pairs, dtype=np.int64)
    return found[_cosines(vectors, found) >= BURST_ALIKE]


def _label(n_rows: int, pairs: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the connected component (n_rows,) of each row; `pairs` (n_pairs, 2) are the edges."""
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = sparse.coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n_rows, n_rows))
    _, label = csgraph.connected_components(graph, directed=False)
    return np.asarray(label, dtype=np.int32)


def _sets(session: Session, ids: NDArray[np.int64], pairs: NDArray[np.int64]) -> list[AlikePhotos]:
    label = _label(len(ids), pairs)
    members: dict[int, list[int]] = {}
    for row in np.unique(pairs):
        members.setdefault(int(label[row]), []).append(int(ids[row]))
    size = _sizes(session, [photo_id for each in members.values() for photo_id in each])
    ranked = [tuple(sorted(each, key=lambda n: (-size[n], n))) for each in members.values()]
    return [AlikePhotos(each) for each in sorted(ranked, key=lambda each: (-len(each), each))]


def _sizes(session: Session, photo_ids: list[int]) -> dict[int, int]:
    return {
        photo_id: (width or 0) * (height or 0)
        for chunk in sql.chunks(photo_ids)
        for photo_id, width, height in session.execute(
            select(Photo.id, Photo.width, Photo.height).where(Photo.id.in_(chunk))
        )
    }
