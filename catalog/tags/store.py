"""Owns the keywords of the catalogue: canonical tags with aliases and broader words.

`catalog.tags.results` and `catalog.tags.decisions` create tags here; searches look words up.
"""

import itertools
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from catalog import spelling
from catalog.db import sql
from catalog.db.tables import Tag, TagAlias

#: Sorts after every key that begins with what stands before it.
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class TagSpec:
    """A keyword as a vocabulary knows it."""

    word: str
    #: Other words for it: (word, language or None).
    aliases: tuple[tuple[str, str | None], ...] = ()
    #: Broader words, nearest first: ("dog", "animal") for a beagle.
    parents: tuple[str, ...] = ()


#: What a vocabulary knows of words, by each of their forms, folded.
Lexicon: TypeAlias = Mapping[str, TagSpec]

#: Returns what vocabularies know of folded words that are new to the catalogue.
LookUp: TypeAlias = Callable[[Collection[str]], Lexicon]


def ensure_tags(session: Session, names: Iterable[str], look_up: LookUp) -> dict[str, int]:
    """Return the tag id of every word that is not empty; tags that are new are created.

    An alias of a tag, or of a keyword in a vocabulary, stands for that tag: "puppies" in a file's
    keywords is "puppy", whether or not any photo was a "puppy" before.
    """
    keys = {name: spelling.fold(name) for name in dict.fromkeys(names) if spelling.clean(name)}
    known = find_tag_ids(session, set(keys.values()))
    new = {key: name for name, key in keys.items() if key not in known}
    if new:
        lexicon = look_up(new.keys())
        specs = [lexicon.get(key) or TagSpec(name) for key, name in new.items()]
        _insert_tags(session, specs, lexicon)
        known |= find_tag_ids(session, new)
    return {name: known[key] for name, key in keys.items()}


def complete_tags(session: Session, lexicon: Lexicon) -> None:
    """Add a vocabulary's aliases and broader words to existing tags.

    These tags came from a person, a file or another vocabulary. What they already have stays.
    """
    there = session.execute(select(Tag.key, Tag.id, Tag.parent_id)).all()
    by_key = {spelling.fold(spec.word): spec for spec in lexicon.values()}
    specs = [by_key[row.key] for row in there if row.key in by_key]
    orphans = {row.key for row in there if row.parent_id is None}
    linked = {row.id: row.parent_id for row in there if row.parent_id is not None}
    _insert_tags(session, specs, lexicon, orphans=orphans, linked=linked)


def link_broader(session: Session, chains: Iterable[Sequence[str]]) -> None:
    """Let keywords have the broader words that files name, where they have none.

    A chain is a keyword, its broader word, the broader word of that, and so on, all of them tags.
    A link that would make a cycle is left out, and one that a vocabulary made stays.
    """
    keyed = {tuple(map(spelling.fold, chain)) for chain in chains if len(chain) > 1}
    ids = find_tag_ids(session, {key for chain in keyed for key in chain})
    links = _find_links(session, set(ids.values()))
    fresh: dict[int, int] = {}
    for chain in sorted(keyed):
        for child, parent in itertools.pairwise(ids[key] for key in chain if key in ids):
            if links.get(child) is None and child not in _upwards(parent, links):
                fresh[child] = links[child] = parent
    if fresh:
        rows = [{"id": child, "parent_id": parent} for child, parent in sorted(fresh.items())]
        session.execute(update(Tag), rows)


def _find_links(session: Session, tag_ids: AbstractSet[int]) -> dict[int, int]:
    """Return the parent of each tag and of each tag above it."""
    links: dict[int, int] = {}
    left = set(tag_ids)
    while left:
        for chunk in sql.chunks(sorted(left)):
            query = select(Tag.id, Tag.parent_id).where(
                Tag.id.in_(chunk), Tag.parent_id.is_not(None)
            )
            links.update((child, parent) for child, parent in session.execute(query) if parent)
        left = {links[child] for child in left if child in links} - links.keys()
    return links


def find_alias_keys(session: Session, tag_ids: Iterable[int]) -> dict[int, set[str]]:
    """Return the forms under which aliases of tags are looked up, by tag."""
    found: dict[int, set[str]] = {}
    for chunk in sql.chunks(sorted(tag_ids)):
        query = select(TagAlias.tag_id, TagAlias.key).where(TagAlias.tag_id.in_(chunk))
        for tag_id, key in session.execute(query):
            found.setdefault(tag_id, set()).add(key)
    return found


def nothing_known(_keys: Collection[str]) -> Lexicon:
    """Return no entries, so that every word new to the catalogue becomes a keyword of its own."""
    return {}


def find_tag_ids(session: Session, keys: Iterable[str]) -> dict[str, int]:
    """Return the tag ids of folded words; a tag of that name comes before an alias."""
    wanted = list(keys)
    if not wanted:
        return {}
    dialect = session.get_bind().dialect.name
    exact = select(Tag.key, Tag.id).where(sql.member_of_texts(Tag.key, wanted, dialect))
    found = dict(sql.fetch(session, exact))
    if others := [key for key in wanted if key not in found]:
        aliases = select(TagAlias.key, TagAlias.tag_id)
        is_one = sql.member_of_texts(TagAlias.key, others, dialect)
        found |= sql.fetch(session, aliases.where(is_one))
    return {key: found[key] for key in wanted if key in found}


def find_names(session: Session, tag_ids: Iterable[int]) -> dict[int, str]:
    """Return the names of tags by their ids."""
    names = select(Tag.id, Tag.name)
    dialect = session.get_bind().dialect.name
    return {
        tag_id: name
        for chunk in sql.chunks(sorted(set(tag_ids)))
        for tag_id, name in sql.fetch(session, names.where(sql.member(Tag.id, chunk, dialect)))
    }


def _insert_tags(
    session: Session,
    specs: Sequence[TagSpec],
    lexicon: Lexicon,
    *,
    orphans: AbstractSet[str] = frozenset(),
    linked: Mapping[int, int] = MappingProxyType({}),
) -> None:
    """Insert the tags of `specs` and of their broader words that are missing, with their aliases.

    For example, the spec of "beagle" with the parents ("dog", "animal") inserts up to three tags
    and links beagle -> dog -> animal.

    Args:
        session: The caller's transaction.
        specs: The keywords to insert.
        lexicon: Knows the aliases and parents of broader words.
        orphans: Keys of existing tags without a parent, which may get one.
        linked: By id, the parents of existing tags, which stay.
    """
    chains = _chains(specs, lexicon)
    by_key = {key: chain[0] for key, chain in chains.items()}
    absent = by_key.keys() - find_tag_ids(session, by_key).keys()
    rows = [{"key": key, "name": spelling.clean(by_key[key].word)} for key in sorted(absent)]
    sql.insert_new(session, Tag, rows)
    ids = find_tag_ids(session, by_key)
    _set_parents(session, chains.values(), ids, absent | orphans, linked)
    _insert_aliases(session, by_key.values(), ids)


def _chains(specs: Iterable[TagSpec], lexicon: Lexicon) -> dict[str, list[TagSpec]]:
    """Return each keyword followed by its broader words, by the keyword's key.

    Broader words have entries of their own; the given keywords come first.
    """
    chains: dict[str, list[TagSpec]] = {}
    left = deque(specs)
    while left:
        spec = left.popleft()
        key = spelling.fold(spec.word)
        if key not in chains:
            named = {parent: spelling.fold(parent) for parent in spec.parents}
            broader = [lexicon.get(known) or TagSpec(name) for name, known in named.items()]
            chains[key] = [spec, *broader]
            left.extend(broader)
    return chains


def _set_parents(
    session: Session,
    chains: Iterable[Sequence[TagSpec]],
    ids: Mapping[str, int],
    free: AbstractSet[str],
    linked: Mapping[int, int],
) -> None:
    links = dict(linked)
    for chain in chains:
        keys = [spelling.fold(spec.word) for spec in chain]
        for child, parent in itertools.pairwise(keys):
            if child in free and ids[child] not in _upwards(ids[parent], links):
                links.setdefault(ids[child], ids[parent])
    fresh = sorted(links.items() - linked.items())
    if fresh:
        session.execute(update(Tag), [{"id": id_, "parent_id": parent} for id_, parent in fresh])


def _upwards(tag_id: int, links: Mapping[int, int]) -> list[int]:
    """Return a tag and all tags above it, to avoid links that would make a cycle."""
    found = [tag_id]
    while (above := links.get(found[-1])) is not None and above not in found:
        found.append(above)
    return found


def _insert_aliases(session: Session, specs: Iterable[TagSpec], ids: Mapping[str, int]) -> None:
    rows = {
        spelling.fold(alias): {
            "key": spelling.fold(alias),
            "name": spelling.clean(alias),
            "tag_id": ids[spelling.fold(spec.word)],
            "language": language,
        }
        for spec in specs
        for alias, language in spec.aliases
        if spelling.clean(alias)
    }
    taken = find_tag_ids(session, rows).keys()
    sql.insert_new(session, TagAlias, [rows[key] for key in sorted(rows.keys() - taken)])


def prefix_bounds(prefix: str) -> tuple[str, str]:
    """Return bounds [low, high) of all keys that begin with a folded prefix."""
    return prefix, prefix + _LAST
