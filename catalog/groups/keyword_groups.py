"""Groups of photos that share keywords, named by the keywords that set each group apart.

A group is a set of keywords; its photos follow from their keywords, so that new photos join
existing groups. `make` finds the sets once, `catalog.groups.store` keeps them with their numbers
and names, and `find_groups` assigns the current photos. `catalog.groups.kinds` calls all three;
`docs/grouping.md` explains how it works.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sqlalchemy.orm import Session

from catalog import query
from catalog.errors import NotFoundError
from catalog.groups import communities, matrix, store
from catalog.groups import names as group_names
from catalog.groups.matrix import Incidence
from catalog.groups.store import Definition, Definitions
from catalog.tags import store as tag_store

#: Photos that make a group, unless told otherwise.
MIN_SIZE = 3


@dataclass(frozen=True, slots=True)
class SharedTag:
    """A keyword that photos of a group share."""

    name: str
    #: How many of the group's photos have it, and what part of them.
    photos: int
    share: float


@dataclass(frozen=True, slots=True)
class Group:
    """Photos that share keywords."""

    number: int
    name: str
    photos: int
    #: The most distinctive first: frequent within the group, rare outside.
    tags: tuple[SharedTag, ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """All groups of a catalogue, or of a search result, the largest first."""

    groups: tuple[Group, ...]
    #: Number of photos in all, and of those in no group.
    photos: int
    ungrouped: int
    detail: float


def make(session: Session, *, within: str = "", detail: float | None = None) -> Definitions:
    """Return new groups of a query's photos; the same photos give the same groups."""
    found = matrix.load(session, query.prepare(session, within))
    chosen = communities.DETAIL if detail is None else detail
    links = communities.link_tags(found.has)
    groups = communities.find_communities(len(found.tag_ids), links, detail=chosen)
    members = _assign(found, groups)
    sizes = group_names.sizes_of(members)
    order = [n for n in np.lexsort((np.arange(len(groups)), -sizes)) if sizes[n] >= 2]  # noqa: PLR2004
    ranked = group_names.rank_tags(found, members)
    names = tag_store.find_names(session, {int(found.tag_ids[t]) for n in order for t in ranked[n]})
    named = group_names.choose_names(
        [[names[int(found.tag_ids[t])] for t in ranked[n]] for n in order]
    )
    return Definitions(
        detail=chosen,
        groups=tuple(
            Definition(number, name, tuple(found.tag_ids[groups[n]].tolist()))
            for number, (n, name) in enumerate(zip(order, named, strict=True), 1)
        ),
    )


def find_groups(
    session: Session, definitions: Definitions, *, within: str = "", min_size: int = MIN_SIZE
) -> Grouping:
    """Assign the current photos to existing groups and summarise what each group shares."""
    found = matrix.load(session, query.prepare(session, within))
    kept, members = _members(found, definitions, min_size)
    ranked, shared = group_names.rank_tags(found, members), group_names.count_shared(found, members)
    shown = {int(found.tag_ids[tag]) for tags in ranked for tag in tags}
    names, sizes = tag_store.find_names(session, shown), group_names.sizes_of(members)
    groups = [
        Group(
            number=each.number,
            name=each.name,
            photos=int(sizes[n]),
            tags=tuple(
                SharedTag(names[int(found.tag_ids[t])], count, count / max(1, int(sizes[n])))
                for t, count in ((t, int(shared[n, t])) for t in ranked[n])
            ),
        )
        for n, each in enumerate(kept)
    ]
    grouped = int(np.count_nonzero(np.diff(members.indptr)))
    groups.sort(key=lambda group: (-group.photos, group.number))
    n_photos = len(found.photo_ids)
    return Grouping(tuple(groups), n_photos, n_photos - grouped, definitions.detail)


def find_photos(
    session: Session, definitions: Definitions, number: int, *, within: str = ""
) -> list[tuple[int, float]]:
    """Return a group's photos, best first: (id, the part of its keywords that the group explains).

    Raises:
        NotFoundError: No group has this number.
    """
    own = next((n for n, each in enumerate(definitions.groups) if each.number == number), None)
    if own is None:
        known = len(definitions.groups)
        message = f"there is no group {number}; `kadr groups` lists them ({known} were made)"
        raise NotFoundError(message)
    ready = query.prepare(session, within)
    tag_ids, least = definitions.groups[own].tag_ids, communities.MIN_SHARED_TAGS
    photo_ids = matrix.find_ids_sharing(session, ready, tag_ids, least)
    found = matrix.load(session, ready, photo_ids)
    photos_of, n_photos = matrix.count_photos(session, ready), ready.count()
    weights = communities.tell_weights(
        np.array([photos_of.get(int(tag), 1) for tag in found.tag_ids], dtype=np.float64), n_photos
    )
    groups = _columns(found, definitions.groups)
    members = sparse.csc_array(communities.assign_photos(found.rated, weights, groups)[:, [own]])
    pairs = [
        (int(found.photo_ids[row]), float(share))
        for row, share in zip(members.indices, members.data, strict=True)
    ]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def name_of(definitions: Definitions, number: int) -> str:
    """Return a group's name, or an empty text if there is no such group."""
    return next((each.name for each in definitions.groups if each.number == number), "")


def load_or_make(
    session: Session, *, detail: float | None = None, refresh: bool = False
) -> tuple[Definitions, bool]:
    """Return the catalogue's groups, and whether they are new and need to be saved.

    Where too few photos made none, that is not kept: later photos may make some.
    """
    known = None if refresh else store.find(session)
    if known is not None and known.groups:
        return known, False
    made = make(session, detail=detail)
    return made, bool(made.groups) or refresh


def _members(
    found: Incidence, definitions: Definitions, min_size: int
) -> tuple[list[Definition], sparse.csr_array]:
    kept = list(definitions.groups)
    members = _assign(found, _columns(found, kept))
    large = [n for n, size in enumerate(group_names.sizes_of(members)) if size >= max(1, min_size)]
    if len(large) < len(kept):  # photos of a group that is too small may fit a larger one
        kept = [kept[n] for n in large]
        members = _assign(found, _columns(found, kept))
    return kept, members


def _columns(found: Incidence, definitions: Sequence[Definition]) -> list[NDArray[np.int64]]:
    """Return each group's columns of `found`; tags that no photo has any more are left out."""
    places = {int(tag_id): place for place, tag_id in enumerate(found.tag_ids)}
    return [
        np.array([places[tag] for tag in each.tag_ids if tag in places], dtype=np.int64)
        for each in definitions
    ]


def _assign(found: Incidence, groups: list[NDArray[np.int64]]) -> sparse.csr_array:
    photos_of = np.asarray(found.has.sum(axis=0), dtype=np.float64).ravel()
    weights = communities.tell_weights(photos_of, len(found.photo_ids))
    return communities.assign_photos(found.rated, weights, groups)
