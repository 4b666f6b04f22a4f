"""Which groups there are: by shared keywords, by occasion, or nearly alike.

Groups by keywords of the whole catalogue are made once and kept, so that their numbers and names
last; all others are found anew for each call. `kadr groups` and `kadr group` call this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from sqlalchemy.orm import Session

from catalog import paths, settings
from catalog.db import database
from catalog.errors import NotFoundError, OptionError
from catalog.groups import alike, keyword_groups, occasions, store
from catalog.groups.keyword_groups import Grouping
from catalog.query import hits
from catalog.similar import vector_file

#: Groups of photos: taken on one occasion, or near duplicates and bursts.
OtherKind: TypeAlias = Literal["events", "alike"]
#: `tags`: groups of photos that share keywords.
Kind: TypeAlias = Literal["tags", OtherKind]

#: Photos that make a group, unless told otherwise.
MIN_SIZE: dict[Kind, int] = {"tags": 3, "events": 3, "alike": 2}


@dataclass(frozen=True, slots=True)
class PhotoGroup:
    """A group and its photos."""

    number: int
    name: str
    #: Those that fit best first; by time for an occasion.
    photo_ids: tuple[int, ...]
    #: For each photo the share of its keywords that the group explains; 1.0 in other kinds.
    shares: tuple[float, ...]


def find_keyword_groups(
    session: Session,
    *,
    within: str = "",
    min_size: int | None = None,
    detail: float | None = None,
    refresh: bool = False,
) -> Grouping:
    """Return the groups of photos that share keywords, the largest first.

    Args:
        session: A session of the catalogue.
        within: A query; its photos get groups of their own, which are not kept.
        min_size: Leave out groups with fewer photos.
        detail: From 0 to 1; a higher value makes more, smaller groups.
        refresh: Make the kept groups anew.

    Raises:
        OptionError: The kept groups were made with another `detail`.
        QueryError: `within` is not a valid query.
    """
    made = open_groups(session, within=within, detail=detail, refresh=refresh)
    least = MIN_SIZE["tags"] if min_size is None else min_size
    return keyword_groups.find_groups(session, made, within=within, min_size=least)


def open_groups(
    session: Session, *, within: str = "", detail: float | None = None, refresh: bool = False
) -> store.Definitions:
    """Return the kept groups by keywords, made and kept if there are none.

    The arguments and errors are those of `find_keyword_groups`.
    """
    if within:
        return keyword_groups.make(session, within=within, detail=detail)
    made, is_new = keyword_groups.load_or_make(session, detail=detail, refresh=refresh)
    if detail is not None and made.detail != detail:
        message = (
            f"the groups were made with --detail {made.detail:g}; "
            f"`kadr groups --refresh --detail {detail:g}` makes them anew"
        )
        raise OptionError(message)
    if is_new:
        with database.write_beside(session) as writing:
            store.save(writing, made)
    return made


def find_others(
    session: Session,
    kind: OtherKind,
    *,
    within: str = "",
    min_size: int | None = None,
    cache_dir: Path | None = None,
) -> list[PhotoGroup]:
    """Return the occasions, oldest first, or the sets of photos nearly alike, largest first.

    Args:
        session: A session that reads the catalogue.
        kind: Which of the two.
        within: A query that the photos must match.
        min_size: Leave out groups with fewer photos; the others keep their numbers.
        cache_dir: Where the file of vectors is kept; `KADR_CACHE_DIR` if None.

    Raises:
        NotFoundError: The catalogue holds no vectors to tell what is alike.
        QueryError: `within` is not a valid query.
    """
    least = MIN_SIZE[kind] if min_size is None else min_size
    found = _name_all(session, kind, within, cache_dir)
    return [
        PhotoGroup(number, name, tuple(photo_ids), (1.0,) * len(photo_ids))
        for number, (name, photo_ids) in enumerate(found, 1)
        if len(photo_ids) >= least
    ]


def get_group(
    session: Session,
    number: int,
    *,
    kind: Kind = "tags",
    within: str = "",
    detail: float | None = None,
    cache_dir: Path | None = None,
) -> PhotoGroup:
    """Return one group and its photos by its number.

    The arguments are those of `find_keyword_groups` and `find_others`.

    Raises:
        NotFoundError: No group has this number.
        OptionError: The kept groups were made with another `detail`.
        QueryError: `within` is not a valid query.
    """
    if kind != "tags":
        found = find_others(session, kind, within=within, min_size=1, cache_dir=cache_dir)
        if not 0 < number <= len(found):
            raise NotFoundError(f"there is no group {number}; `kadr groups --by {kind}` lists them")
        return found[number - 1]
    made = open_groups(session, within=within, detail=detail)
    pairs = keyword_groups.find_photos(session, made, number, within=within)
    name = keyword_groups.name_of(made, number)
    return PhotoGroup(
        number,
        name,
        tuple(photo_id for photo_id, _ in pairs),
        tuple(share for _, share in pairs),
    )


def _name_all(
    session: Session, kind: OtherKind, within: str, cache_dir: Path | None
) -> Sequence[tuple[str, Sequence[int]]]:
    if kind == "events":
        events = occasions.find_events(session, within=within)
        return [(each.name, each.photo_ids) for each in events]
    index = vector_file.open_index(session, cache_dir or settings.load().cache_dir)
    sets = alike.find_alike(session, index, within=within)
    places = hits.find_paths(session, [each.photo_ids[0] for each in sets])
    return [
        (paths.printable(paths.to_text(places.get(each.photo_ids[0], ""))), each.photo_ids)
        for each in sets
    ]
