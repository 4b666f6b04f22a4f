"""Ranks the keywords that set a group apart, and names the group by them.

`catalog.groups.keyword_groups` and `occasions` call it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from catalog.groups.matrix import Incidence

#: Number of keywords in a group's name, and of those listed with it.
NAME_TAGS, SHOWN_TAGS = 3, 8
#: Least part of a group's photos that have a keyword, and least ratio of its frequency within the
#: group to that in the whole catalogue, for the keyword to describe the group.
_LEAST_SHARED, _LEAST_LIFT = 0.15, 1.25


def sizes_of(members: sparse.csr_array) -> NDArray[np.int64]:
    """Return the number of photos of each group: (n_groups,) int64."""
    return np.bincount(members.indices, minlength=members.shape[1])


def count_shared(found: Incidence, members: sparse.csr_array) -> sparse.csr_array:
    """Return how many photos of each group have each tag: (n_groups, n_tags)."""
    one = np.ones(members.nnz, dtype=np.float32)
    belongs = sparse.csr_array((one, members.indices, members.indptr), members.shape)
    return sparse.csr_array(belongs.T.tocsr() @ found.has)


def rank_tags(found: Incidence, members: sparse.csr_array) -> list[list[int]]:
    """Return each group's tags by falling share x log(lift).

    The share is the part of the group's photos with the tag; the lift is that share divided by the
    part of all photos with the tag.
    """
    shared, sizes = count_shared(found, members), sizes_of(members)
    photos_of = np.asarray(found.has.sum(axis=0), dtype=np.float64).ravel()
    ranked = []
    for n, size in enumerate(sizes.tolist()):
        row = slice(shared.indptr[n], shared.indptr[n + 1])
        tags, counts = shared.indices[row], shared.data[row].astype(np.float64)
        share = counts / max(1, size)
        lift = share / (photos_of[tags] / max(1, len(found.photo_ids)))
        tells = (share >= _LEAST_SHARED) & (lift >= _LEAST_LIFT)
        telling = np.where(tells, share * np.log(np.maximum(lift, 1e-9)), -1.0)
        order = np.lexsort((tags, -counts, -telling))[:SHOWN_TAGS]
        ranked.append([int(tags[i]) for i in order if telling[i] > 0])
    return ranked


def choose_names(tags: Sequence[Sequence[str]]) -> list[str]:
    """Return names of groups from their first keywords, or more where two would be equal."""
    names: list[str] = []
    taken: set[str] = set()
    for each in tags:
        longer = (", ".join(each[:n]) for n in range(NAME_TAGS, len(each) + 1))
        numbered = (
            f"{', '.join(each[:NAME_TAGS]) or 'photos'} ({n})" for n in range(2, len(tags) + 3)
        )
        first = ", ".join(each[:NAME_TAGS])
        choices = [first, *longer] if first else []
        name = next((name for name in choices if name not in taken), None)
        names.append(name or next(name for name in numbered if name not in taken))
        taken.add(names[-1])
    return names
