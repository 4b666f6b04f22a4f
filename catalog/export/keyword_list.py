"""Writes the keywords of photos as a keyword list of Lightroom: one a line, indented by tabs.

    animal
        dog
                {hound}
                beagle

A synonym stands in braces below its keyword. Lightroom takes it at Metadata > Import Keywords.
"""

from collections.abc import Iterable, Iterator

from sqlalchemy import select

from catalog.db import sql
from catalog.db.tables import PhotoTag, TagAlias
from catalog.query import all_matches
from catalog.query.run import Prepared
from catalog.spelling import fold
from catalog.tags import hierarchy, threshold
from catalog.tags.hierarchy import Hierarchy

#: What a line begins with that Lightroom does not read as a keyword.
_SPECIAL = ("[", "{", "~")


def lines(ready: Prepared) -> Iterator[str]:
    """Yield the lines: keywords that the photos of a query have, and their broader words.

    A word that Lightroom would not read as a keyword (one that begins with a bracket) is left out.
    """
    known = hierarchy.load(ready.session)
    used = {
        each for tag_id in _used(ready) if tag_id in known.names for each in known.upwards(tag_id)
    }
    below: dict[int | None, list[int]] = {}
    for tag_id in used:
        parent = known.parents.get(tag_id)
        below.setdefault(parent if parent in used else None, []).append(tag_id)
    yield from _lines(below, None, 0, known, _synonyms(ready, used))


def _used(ready: Prepared) -> set[int]:
    ids = all_matches.find_id_array(ready.session, ready)
    found: set[int] = set()
    for chunk in sql.chunks(int(each) for each in ids):
        query = select(PhotoTag.tag_id).distinct()
        counted = threshold.counts(PhotoTag, ready.least)
        found.update(ready.session.scalars(query.where(PhotoTag.photo_id.in_(chunk), counted)))
    return found


def _synonyms(ready: Prepared, tag_ids: Iterable[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for chunk in sql.chunks(sorted(tag_ids)):
        query = select(TagAlias.tag_id, TagAlias.name).where(TagAlias.tag_id.in_(chunk))
        for tag_id, name in ready.session.execute(query.order_by(TagAlias.name)):
            found.setdefault(tag_id, []).append(name)
    return found


def _lines(
    below: dict[int | None, list[int]],
    parent: int | None,
    depth: int,
    known: Hierarchy,
    synonyms: dict[int, list[str]],
) -> Iterator[str]:
    for tag_id in sorted(below.get(parent, ()), key=lambda each: fold(known.names[each])):
        name = known.names[tag_id]
        inner = depth
        if not name.startswith(_SPECIAL):
            yield "\t" * depth + name + "\n"
            inner = depth + 1
            for alias in synonyms.get(tag_id, ()):
                if "}" not in alias:
                    yield "\t" * inner + "{" + alias + "}\n"
        yield from _lines(below, tag_id, inner, known, synonyms)
