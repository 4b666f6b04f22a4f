"""Groups of keywords that belong together, and which photos have enough of one: pure numerics.

Keywords that stand on the same photos more often than chance are linked, the stronger the more of
their photos they share; communities of linked keywords are found by the Leiden algorithm (Traag,
Waltman, van Eck 2019, doi:10.1038/s41598-019-41695-z); a photo belongs where its keywords do. The
work grows with the photos' keywords, never with pairs of photos. `docs/grouping.md` explains it.
"""

import itertools
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from catalog.errors import MissingExtraError

#: How strongly the keywords of one group are linked on average; higher gives more, smaller groups.
DETAIL = 0.25
#: Fewer common photos are no link, nor are those that chance explains: of all links, so many for
#: each keyword may be chance's.
MIN_COMMON = 3
CHANCE_LINKS = 0.02
#: The part of a photo's keywords, by weight, that a group must explain; and how many of them.
MIN_SHARE = 0.12
MIN_SHARED_TAGS = 2
#: A photo is in a second group that explains at least this much of what its first one does.
OVERLAP = 0.6

_BLOCK_ENTRIES = 20_000_000


@dataclass(frozen=True, slots=True)
class Links:
    """Pairs of keywords that belong together."""

    #: (n_links, 2) int64, column numbers, the smaller one first.
    pairs: NDArray[np.int64]
    #: (n_links,) float64 in (0, 1]: normalised pointwise mutual information.
    weights: NDArray[np.float64]


def link_tags(has: sparse.csr_array) -> Links:
    """Link the columns of `has` (n_photos, n_tags), whose entries are 1 where a photo has a tag.

    The weight is normalised pointwise mutual information (Bouma 2009): 0 for what chance explains,
    1 for keywords that are never without each other, so a keyword on every photo has no links.
    """
    n_photos = has.shape[0]
    photos_of = np.asarray(has.sum(axis=0), dtype=np.float64).ravel()
    by_tag = has.T.tocsr()
    n_common = int(np.count_nonzero(photos_of >= MIN_COMMON))
    least = np.log(max(1.0, (n_common - 1) / 2 / CHANCE_LINKS))
    found = [np.empty((0, 3))]
    for low, high in _blocks(has, photos_of):
        common = sparse.coo_array(by_tag[low:high] @ has)
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


def _surprise(
    both: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    n_photos: int,
) -> NDArray[np.float64]:
    """Give the log-likelihood ratio of two tags' common photos (Dunning 1993), in nats.

    Chance alone reaches `x` with a probability of about exp(-x).
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
    """Cut the tags so that one product holds a bounded number of entries."""
    per_photo = max(1.0, has.nnz / max(1, has.shape[0]))
    # A row of the product has no more entries than there are tags.
    entries = np.cumsum(np.minimum(photos_of * per_photo, has.shape[1]))
    cuts = np.searchsorted(
        entries, np.arange(0, entries[-1] if len(entries) else 0, _BLOCK_ENTRIES)
    )
    edges = np.unique([*cuts.tolist(), has.shape[1]]).tolist()
    return list(itertools.pairwise(edges))


def find_communities(n_tags: int, links: Links, *, detail: float) -> list[NDArray[np.int64]]:
    """Find groups of at least two linked keywords, each a sorted array of column numbers.

    The quality is the constant Potts model (Traag, Van Dooren, Nesterov 2011,
    doi:10.1103/PhysRevE.84.016114), which has no resolution limit: what belongs together in a
    small catalogue does so as part of a large one. The same links give the same groups.

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
    label = np.asarray(found.membership)
    order = np.argsort(label, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return sorted((part for part in parts if len(part) > 1), key=lambda part: int(part[0]))


def _import_igraph() -> Any:  # noqa: ANN401 - it has no types
    try:
        import igraph
    except ImportError as error:
        raise MissingExtraError(
            "groups of keywords need igraph, which is not installed: pip install 'kadr[groups]'"
        ) from error
    return igraph


def assign_photos(
    rated: sparse.csr_array, weights: NDArray[np.float64], groups: list[NDArray[np.int64]]
) -> sparse.csr_array:
    """Give each photo its groups: (n_photos, n_groups) float64, the part of it that they explain.

    `rated` (n_photos, n_tags) holds confidences, `weights` (n_tags,) how telling a tag is. A photo
    has at most one row entry that is the greatest; it may have others, or none: ungrouped.
    """
    tags = np.concatenate(groups) if groups else np.empty(0, dtype=np.int64)
    numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    shape = (rated.shape[1], len(groups))
    member = sparse.csr_array((np.ones(len(tags)), (tags, numbers)), shape=shape)
    weighed = sparse.csr_array(rated.multiply(weights[None, :]))
    totals = np.asarray(weighed.sum(axis=1)).ravel()
    explained = sparse.csr_array(weighed @ member)
    shared = sparse.csr_array((rated != 0).astype(np.int32) @ (member != 0).astype(np.int32))
    explained.sort_indices()
    shared.sort_indices()
    return _keep_members(explained, shared, totals)


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
    """Weigh tags by how much they tell: log(n_photos / photos with it), 0 for one on all of them.

    (Sparck Jones 1972, doi:10.1108/eb026526.)
    """
    return np.log(max(1, n_photos) / np.clip(photos_of, 1, max(1, n_photos)))
