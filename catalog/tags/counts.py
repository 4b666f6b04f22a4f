"""Counts the photos of each tag: exactly for `kadr tags`, and cached in `Tag.photos` for planning.

`worker` calls `refresh` from time to time. An outdated cached count can make a search slower or the
order of completions older, but never a result wrong.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, literal, select, update
from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import Photo, PhotoTag, Tag, TagAlias
from catalog.spelling import fold
from catalog.tags import store, threshold


@dataclass(frozen=True, slots=True)
class TagCount:
    """A keyword and the number of photos that have it."""

    name: str
    photos: int
    aliases: tuple[str, ...]
    #: The broader word, whose search finds this one's photos too.
    parent: str | None


def list_tags(
    session: Session,
    *,
    prefix: str = "",
    sort: Literal["count", "name"] = "count",
    limit: int | None = None,
    unused: bool = False,
    least: float | None = None,
) -> list[TagCount]:
    """Return keywords with their exact number of photos; missing photos do not count.

    Args:
        session: A session that reads the catalogue.
        prefix: Only keywords of which a name or alias begins with it.
        sort: By falling number of photos, or by name.
        limit: Maximum number of keywords.
        unused: Include keywords that no photo has.
        least: How sure a keyword must be to count; KADR_MIN_CONFIDENCE if None.
    """
    typed = prefix.encode(errors="replace").decode()  # a shell may pass bytes that are not text
    low, high = store.prefix_bounds(fold(typed))
    photos = func.count(PhotoTag.photo_id).label("photos")
    on_photo = (PhotoTag.tag_id == Tag.id) & threshold.counts(PhotoTag, threshold.choose(least))
    on_photo &= PhotoTag.photo_id.not_in(select(Photo.id).where(Photo.missing_since.is_not(None)))
    query = select(Tag.id, Tag.name, Tag.parent_id, photos).join(PhotoTag, on_photo, isouter=unused)
    if prefix:
        of_alias = (TagAlias.key >= literal(low)) & (TagAlias.key < literal(high))
        named = (Tag.key >= literal(low)) & (Tag.key < literal(high))
        query = query.where(named | Tag.id.in_(select(TagAlias.tag_id).where(of_alias)))
    query = query.group_by(Tag.id)
    query = query.order_by(*([photos.desc(), Tag.key] if sort == "count" else [Tag.key]))
    found = session.execute(query.limit(limit)).all()
    aliases = _load_aliases(session, [row.id for row in found])
    parents = store.find_names(
        session, {row.parent_id for row in found if row.parent_id is not None}
    )
    return [
        TagCount(row.name, row.photos, tuple(aliases.get(row.id, ())), parents.get(row.parent_id))
        for row in found
    ]


def _load_aliases(session: Session, tag_ids: Iterable[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for chunk in sql.chunks(tag_ids):
        query = select(TagAlias.tag_id, TagAlias.name).where(TagAlias.tag_id.in_(chunk))
        for tag_id, name in session.execute(query.order_by(TagAlias.name)):
            found.setdefault(tag_id, []).append(name)
    return found


def refresh(session: Session) -> int:
    """Update the cached counts, and return how many changed.

    A million photos with fifteen tags each take a few seconds.
    """
    outdated = find_outdated(session)
    record(session, outdated)
    return len(outdated)


def find_outdated(session: Session) -> dict[int, int]:
    """Return the numbers of photos of those tags whose cached count is another, by the tag's id."""
    query = select(PhotoTag.tag_id, func.count()).group_by(PhotoTag.tag_id)
    counted = dict(
        session.execute(query.where(threshold.counts(PhotoTag, threshold.choose()))).all()
    )
    noted = session.execute(select(Tag.id, Tag.photos).order_by(Tag.id)).all()
    return {
        tag_id: counted.get(tag_id, 0)
        for tag_id, photos in noted
        if counted.get(tag_id, 0) != photos
    }


def record(session: Session, photos: Mapping[int, int]) -> None:
    """Write cached counts, by the tag's id."""
    changed = [{"id": tag_id, "photos": count} for tag_id, count in photos.items()]
    for chunk in sql.chunks(changed):
        session.execute(update(Tag), chunk)
