"""Finds groups of keywords and assigns photos to them; arrays only, no database.

`catalog.groups.keyword_groups` calls it. Two keywords are linked if they are on the same photos
more often than by chance; the weight of the link is their normalised pointwise mutual information.
Communities of linked keywords come from the Leiden algorithm (Traag, Waltman, van Eck 2019,
doi:10.1038/s41598-019-41695-z), and a photo belongs to those that explain enough of its keywords.
Time grows with the keywords of the photos, not with pairs of photos; see `docs/grouping.md`.
"""

import itertools
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from catalog.errors import MissingExtraError

#: Least average weight of the links within a group; higher values give more, smaller groups.
DETAIL = 0.25
#: Least number of photos in common, and the expected number of false links per keyword, which sets
#: the level of significance.
MIN_COMMON = 3
CHANCE_LINKS = 0.02
#: Least part of a photo's keywords, by weight, and least number of them, that a group must contain.
MIN_SHARE = 0.12
MIN_SHARED_TAGS = 2
#: A photo is also in other groups that explain at least this part of what its best one explains.
OVERLAP = 0.6

_BLOCK_ENTRIES = 20_000_000


@dataclass(frozen=True, slots=True)
class Links:
    """Weighted pairs of keywords."""

    #: (n_links, 2) int64, column numbers, the smaller one first.
    pairs: NDArray[np.int64]
    #: (n_links,) float64 in (0, 1]: normalised pointwise mutual information.
    weights: NDArray[np.float64]


def link_tags(has: sparse.csr_array) -> Links:
    """Return the links of the columns of `has` (n_photos, n_tags), 1 where a photo has a tag.

    The weight is normalised pointwise mutual information (Bouma 2009), with probabilities p as
    parts of the photos: log(p(a, b) / (p(a) p(b))) / -log(p(a, b)). It is 0 if two keywords are
    independent and 1 if they are always together; a keyword on every photo has no links.
    """
    n_photos = has.shape[0]
    photos_of = np.asarray(has.sum(axis=0), dtype=np.float64).ravel()
    by_tag = has.T.tocsr()
    n_common = int(np.count_nonzero(photos_of >= MIN_COMMON))
    least = np.log(max(1.0, (n_common - 1) / 2 / CHANCE_LINKS))
    found = [np.empty((0, 3))]
    rest = has
    for low, high in _blocks(has, photos_of):
        rest = _from_column(rest, low)  # a pair is counted once, by its first tag
        common = sparse.coo_array(by_tag[low:high] @ rest)
        first, second, both = common.row + low, common.col, common.data.astype(np.float64)
        kept = (second > first) & (both >= MIN_COMMON)
        first, second, both = first[kept], second[kept], both[kept]
        chance = photos_of[first] * photos_of[second] / n_photos
        told = _surprise(both, photos_of[first], photos_of[second], n_photos)
        kept = (both > chance) & (told >= least)
        first, second, both, chance = (each[kept] for each in (first, second, both, chance))
        with np.errstate(divide="ignore", invalid="ignore"):
            npmi = np.log(both / chance) / np.log(n_photos / both)
        npmi = np.where(both >= n_photos, 0.0, npmi)
        found.append(np.column_stack([first, second, npmi])[npmi > 0])
    links = np.concatenate(found)
    return Links(links[:, :2].astype(np.int64), np.minimum(links[:, 2], 1.0))


def _from_column(matrix: sparse.csr_array, low: int) -> sparse.csr_array:
    """Return a matrix without its entries in columns before `low`, in the same shape."""
    kept = matrix.indices >= low
    ends = np.zeros(len(kept) + 1, dtype=matrix.indptr.dtype)
    np.cumsum(kept, out=ends[1:])
    entries = (matrix.data[kept], matrix.indices[kept], ends[matrix.indptr])
    return sparse.csr_array(entries, shape=matrix.shape)


def _surprise(
    both: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    n_photos: int,
) -> NDArray[np.float64]:
    """Return the log-likelihood ratio of two tags' common photos (Dunning 1993), in nats.

    By chance alone it exceeds `x` with a probability of about exp(-x).
    """
    cells = (
        (both, first, second),
        (first - both, first, n_photos - second),
        (second - both, n_photos - first, second),
        (n_photos - first - second + both, n_photos - first, n_photos - second),
    )
    total = np.zeros(len(both))
    for found, row, column in cells:
        total += special.xlogy(found, found * n_photos) - special.xlogy(found, row * column)
    return total


def _blocks(has: sparse.csr_array, photos_of: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return ranges of tags such that the product of each has a bounded number of entries."""
    per_photo = max(1.0, has.nnz / max(1, has.shape[0]))
    # A row of the product has no more entries than there are tags.
    entries = np.cumsum(np.minimum(photos_of * per_photo, has.shape[1]))
    cuts = np.searchsorted(
        entries, np.arange(0, entries[-1] if len(entries) else 0, _BLOCK_ENTRIES)
    )
    edges = np.unique([*cuts.tolist(), has.shape[1]]).tolist()
    return list(itertools.pairwise(edges))


def find_communities(n_tags: int, links: Links, *, detail: float) -> list[NDArray[np.int64]]:
    """Return groups of at least two linked keywords, each a sorted array of column numbers.

    The quality function is the constant Potts model (Traag, Van Dooren, Nesterov 2011,
    doi:10.1103/PhysRevE.84.016114). It has no resolution limit: a group of a small catalogue is
    also one as part of a large catalogue. The same links give the same groups.

    Raises:
        MissingExtraError: igraph, which is GPL and so an extra of its own, is not installed.
    """
    igraph = _import_igraph()
    graph = igraph.Graph(n=n_tags, edges=links.pairs)
    # igraph draws from Python's generator: a seeded one makes the result repeatable.
    igraph.set_random_number_generator(random.Random(0))
    try:
        found = graph.community_leiden(
            objective_function="CPM",
            weights=links.weights.tolist(),
            resolution=detail,
            n_iterations=-1,
        )
    finally:
        igraph.set_random_number_generator(random)
    label = np.asarray(found.membership, dtype=np.int64)
    order = np.argsort(label, kind="stable")
    order = order[np.bincount(label)[label[order]] > 1]
    parts = np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if len(order) else []
    return sorted(parts, key=lambda part: int(part[0]))


def _import_igraph() -> Any:  # noqa: ANN401 - it has no types
    try:
        import igraph  # noqa: PLC0415 - an extra brings it
    except ImportError as error:
        raise MissingExtraError(
            "groups of keywords need igraph, which is not installed: pip install 'kadr[groups]'"
        ) from error
    return igraph


def assign_photos(
    rated: sparse.csr_array, weights: NDArray[np.float64], groups: list[NDArray[np.int64]]
) -> sparse.csr_array:
    """Return (n_photos, n_groups) float64: the part of a photo's keywords that a group explains.

    `rated` (n_photos, n_tags) holds confidences, `weights` (n_tags,) the weight of each tag. The
    row of an ungrouped photo is empty; a photo of several groups has an entry for each.
    """
    tags = np.concatenate(groups) if groups else np.empty(0, dtype=np.int64)
    numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    shape = (rated.shape[1], len(groups))
    member = sparse.csr_array((np.ones(len(tags)), (tags, numbers)), shape=shape)
    weighed = _with_data(rated, rated.data * weights[rated.indices])
    totals = np.asarray(weighed.sum(axis=1)).ravel()
    explained = sparse.csr_array(weighed @ member)
    has = _with_data(rated, np.ones(rated.nnz, dtype=np.int32))
    shared = sparse.csr_array(has @ member.astype(np.int32))
    explained.sort_indices()
    shared.sort_indices()
    return _keep_members(explained, shared, totals)


def _with_data(matrix: sparse.csr_array, data: NDArray[Any]) -> sparse.csr_array:
    """Return a matrix with entries in the same places, `data` (nnz,)."""
    return sparse.csr_array((data, matrix.indices, matrix.indptr), matrix.shape)


def _keep_members(explained: Any, shared: Any, totals: NDArray[np.float64]) -> sparse.csr_array:  # noqa: ANN401
    rows = np.repeat(np.arange(explained.shape[0]), np.diff(explained.indptr))
    hits = np.asarray(shared[rows, explained.indices]).ravel() if len(rows) else np.empty(0)
    share = explained.data / np.maximum(totals[rows], 1e-12)
    share[(hits < MIN_SHARED_TAGS) | (share < MIN_SHARE)] = 0.0
    best = np.zeros(explained.shape[0])
    np.maximum.at(best, rows, share)
    kept = (share > 0) & (share >= OVERLAP * best[rows])
    return sparse.csr_array(
        (share[kept], (rows[kept], explained.indices[kept])), shape=explained.shape
    )


def tell_weights(photos_of: NDArray[np.float64], n_photos: int) -> NDArray[np.float64]:
    """Return the inverse document frequency of tags: log(n_photos / photos with the tag).

    It is 0 for a tag on every photo (Sparck Jones 1972, doi:10.1108/eb026526).
    """
    return np.log(max(1, n_photos) / np.clip(photos_of, 1, max(1, n_photos)))
