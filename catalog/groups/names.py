"""What the photos of a group share and what sets it apart, and the names that follow from it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from catalog.groups.matrix import Incidence

#: Keywords that name a group, and those that are listed with it.
NAME_TAGS, SHOWN_TAGS = 3, 8
#: Keywords that fewer of its photos share, or that are hardly more frequent within than without,
#: say nothing of a group.
_LEAST_SHARED, _LEAST_LIFT = 0.15, 1.25


def sizes_of(members: sparse.csr_array) -> NDArray[np.int64]:
    """Count the photos of each group: (n_groups,) int64."""
    return np.bincount(members.indices, minlength=members.shape[1])


def count_shared(found: Incidence, members: sparse.csr_array) -> sparse.csr_array:
    """Count how many photos of each group have each tag: (n_groups, n_tags)."""
    one = np.ones(members.nnz, dtype=np.float32)
    belongs = sparse.csr_array((one, members.indices, members.indptr), members.shape)
    return sparse.csr_array(belongs.T.tocsr() @ found.has)


def rank_tags(found: Incidence, members: sparse.csr_array) -> list[list[int]]:
    """Rank each group's tags by share x log(lift): shared within, rare outside."""
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
    """Name groups by their first keywords; by more of them where two would be named alike."""
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
