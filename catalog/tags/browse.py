"""Lists keywords page by page, with how many photos have them, for the gallery and the API.

`catalog.tags.counts` counts every keyword exactly, which takes seconds for a million photos. Here
only rare keywords of the page are counted; of others the number is that of the last count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, literal, not_, or_, select, tuple_
from sqlalchemy.orm import Session

from catalog import cursors
from catalog.db.tables import PhotoTag, Tag, TagAlias
from catalog.errors import NotFoundError
from catalog.spelling import fold
from catalog.tags import store, threshold

#: A keyword on more photos than this is not counted anew for a list.
COUNTED = 5_000

KeywordSort = Literal["count", "name"]


@dataclass(frozen=True, slots=True)
class Alias:
    """Another word for a keyword, and its language (BCP 47) if it is another one."""

    name: str
    language: str | None


@dataclass(frozen=True, slots=True)
class ListedKeyword:
    """A keyword in a list."""

    id: int
    name: str
    photos: int
    #: Whether `photos` was counted now.
    is_exact: bool
    aliases: tuple[Alias, ...]
    #: The broader word, if there is one: its id and name.
    parent_id: int | None
    parent: str | None


@dataclass(frozen=True, slots=True)
class KeywordPage:
    """Keywords in order, and where the next page begins."""

    items: tuple[ListedKeyword, ...]
    next_cursor: str | None


def find_keywords(
    session: Session,
    *,
    prefix: str = "",
    sort: KeywordSort = "count",
    limit: int = 100,
    after: str | None = None,
    parent_id: int | None = None,
    is_used: bool = False,
) -> KeywordPage:
    """Return a page of the keywords that photos have, or had when they were last counted.

    Args:
        session: A session that reads the catalogue.
        prefix: Only keywords of which a name or an alias begins with it.
        sort: By falling number of photos, or by name.
        limit: Keywords at most.
        after: The cursor of the page before.
        parent_id: Only keywords whose broader word has this id.
        is_used: Only keywords that count on a photo: neither rejected nor below the threshold.

    Raises:
        QueryError: The cursor is damaged.
    """
    query = select(Tag).where(or_(Tag.photos > 0, _has_row(is_used=is_used)))
    if parent_id is not None:
        query = query.where(Tag.parent_id == parent_id)
    if prefix:
        query = query.where(Tag.id.in_(_ids_with_prefix(fold(prefix))))
    if after is not None:
        photos, key = cursors.unpack(after, int, str)
        beyond = tuple_(-Tag.photos, Tag.key) > tuple_(literal(-int(photos)), literal(str(key)))
        query = query.where(beyond if sort == "count" else Tag.key > literal(str(key)))
    order = [Tag.photos.desc(), Tag.key] if sort == "count" else [Tag.key]
    found = session.scalars(query.order_by(*order).limit(limit + 1)).all()
    shown, rest = found[:limit], found[limit:]
    last = shown[-1] if rest and shown else None
    cursor = None if last is None else cursors.pack([last.photos, last.key])
    items = _describe(session, shown)
    return KeywordPage(tuple(each for each in items if each.photos or not is_used), cursor)


def has_unused(session: Session, *, prefix: str = "") -> bool:
    """Return whether keywords that begin so were given to photos, but count on none."""
    query = select(Tag.id).where(_has_row(is_used=False), not_(_has_row(is_used=True)))
    if prefix:
        query = query.where(Tag.id.in_(_ids_with_prefix(fold(prefix))))
    return session.scalar(query.where(Tag.photos == 0).limit(1)) is not None


def _has_row(*, is_used: bool) -> ColumnElement[bool]:
    row = select(PhotoTag.tag_id).where(PhotoTag.tag_id == Tag.id).limit(1)
    if is_used:
        row = row.where(threshold.counts(PhotoTag, threshold.choose(), is_ranked=True))
    return row.scalar_subquery().is_not(None)


def get_keyword(session: Session, tag_id: int) -> ListedKeyword:
    """Return one keyword; its photos are counted now.

    Raises:
        NotFoundError: There is no such keyword.
    """
    tag = session.get(Tag, tag_id) if 0 < tag_id < 2**31 else None
    if tag is None:
        raise NotFoundError(f"there is no keyword with the id {tag_id}; `kadr tags` lists them")
    return _describe(session, [tag], counted=None)[0]


def find_tag_id(session: Session, word: str) -> int:
    """Return the id of a keyword by its name or an alias.

    Raises:
        NotFoundError: It is not a keyword of this catalogue.
    """
    found = store.find_tag_ids(session, [fold(word)])
    if not found:
        raise NotFoundError(f"'{word}' is not a keyword of this catalogue; `kadr tags` lists them")
    return next(iter(found.values()))


def _describe(
    session: Session, tags: Sequence[Tag], *, counted: int | None = COUNTED
) -> list[ListedKeyword]:
    exact = {tag.id for tag in tags if counted is None or tag.photos <= counted}
    numbers = _count(session, sorted(exact))
    aliases: dict[int, list[Alias]] = {}
    ids = [tag.id for tag in tags]
    of_tags = select(TagAlias).where(TagAlias.tag_id.in_(ids)).order_by(TagAlias.name)
    for alias in session.scalars(of_tags):
        aliases.setdefault(alias.tag_id, []).append(Alias(alias.name, alias.language))
    parents = store.find_names(session, [tag.parent_id for tag in tags if tag.parent_id])
    return [
        ListedKeyword(
            tag.id,
            tag.name,
            numbers.get(tag.id, 0) if tag.id in exact else tag.photos,
            tag.id in exact,
            tuple(aliases.get(tag.id, ())),
            tag.parent_id,
            parents.get(tag.parent_id) if tag.parent_id else None,
        )
        for tag in tags
    ]


def _count(session: Session, tag_ids: Sequence[int]) -> dict[int, int]:
    row = PhotoTag
    query = select(row.tag_id, func.count()).where(row.tag_id.in_(tag_ids))
    query = query.where(threshold.counts(row, threshold.choose())).group_by(row.tag_id)
    return dict(session.execute(query).all())


def _ids_with_prefix(prefix: str) -> Any:  # noqa: ANN401 - a compound select
    low, high = (literal(bound) for bound in store.prefix_bounds(prefix))
    named = select(Tag.id).where(Tag.key >= low, Tag.key < high)
    alias = select(TagAlias.tag_id).where(TagAlias.key >= low, TagAlias.key < high)
    return named.union(alias)
