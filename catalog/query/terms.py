"""Resolves the words of a query to tags: by name, alias, plural, without accents, or prefix.

Narrower tags are found with each.

`run` calls `resolve` once per query; the plan and the compiler use what it found.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import literal, select, union
from sqlalchemy.orm import Session, aliased

from catalog.db import sql
from catalog.db.tables import Tag, TagAlias
from catalog.language.tree import Word
from catalog.spelling import fold, plain
from catalog.tags import store


@dataclass(frozen=True, slots=True)
class Term:
    """The tags that one word means; none if it is unknown."""

    tag_ids: tuple[int, ...]
    #: About how many photos have them: a planning estimate, never part of a result.
    photos: int


Terms = dict[Word, Term]


def resolve(session: Session, words: Sequence[Word]) -> Terms:
    """Return the tags of every word, in a few statements for any number of words."""
    named = [word for word in words if not word.prefix]
    roots = _find_named(session, {fold(word.text) for word in named})
    wide = (roots.get(fold(word.text), frozenset()) for word in named if not word.exact)
    below = _find_narrower(session, frozenset().union(*wide))
    ids: dict[Word, set[int]] = {}
    for word in words:
        if word.prefix:
            ids[word] = _find_prefix(session, fold(word.text))
        else:
            found = roots.get(fold(word.text), frozenset())
            narrower = () if word.exact else (below.get(root, set()) for root in found)
            ids[word] = set(found).union(*narrower)
    photos = _estimate(session, set().union(*ids.values()))
    return {
        word: Term(tuple(sorted(found)), sum(photos[tag_id] for tag_id in found))
        for word, found in ids.items()
    }


def lemmas(key: str) -> list[str]:
    """Return other forms of a folded word: puppies -> puppy, polar bears -> polar bear.

    Only English is supported; forms in other languages are aliases in the vocabulary.
    """
    import simplemma  # noqa: PLC0415 - reads its tables on first use

    *before, last = key.split(" ")
    lemma = fold(simplemma.lemmatize(last, lang="en"))
    forms = [lemma, last.removesuffix("s"), last.removesuffix("es")]
    return [" ".join([*before, form]) for form in dict.fromkeys(forms) if form and form != last]


def _find_named(session: Session, keys: set[str]) -> dict[str, frozenset[int]]:
    """Return the tags that folded words name: exactly, by another form, or else without accents."""
    exact = store.find_tag_ids(session, keys)
    found = {key: frozenset({tag_id}) for key, tag_id in exact.items()}
    forms = {key: lemmas(key) for key in keys - found.keys()}
    if forms:
        others = store.find_tag_ids(session, {form for many in forms.values() for form in many})
        for key, many in forms.items():
            hits = [others[form] for form in many if form in others]
            found |= {key: frozenset(hits[:1])} if hits else {}
    return found | _find_without_accents(session, keys - found.keys())


def _find_without_accents(session: Session, keys: set[str]) -> dict[str, frozenset[int]]:
    """Return the tags whose names or aliases are these words but for their accents.

    All names are read, since no index knows them without accents: only for words that name nothing.
    """
    wanted = {plain(key): key for key in keys if plain(key)}
    found: dict[str, set[int]] = {}
    named = (select(Tag.key, Tag.id), select(TagAlias.key, TagAlias.tag_id))
    for query in named if wanted else ():
        for key, tag_id in session.execute(query):
            asked = wanted.get(plain(key))
            if asked is not None:
                found.setdefault(asked, set()).add(tag_id)
    return {key: frozenset(tag_ids) for key, tag_ids in found.items()}


def _find_narrower(session: Session, roots: Iterable[int]) -> dict[int, set[int]]:
    """Return all tags below each root; UNION drops duplicates, so a cycle of parents ends."""
    found: dict[int, set[int]] = {}
    for chunk in sql.chunks(sorted(roots)):
        top = select(Tag.parent_id.label("root"), Tag.id).where(Tag.parent_id.in_(chunk))
        tree = top.cte("narrower", recursive=True)
        child = aliased(Tag)
        tree = tree.union(select(tree.c.root, child.id).where(child.parent_id == tree.c.id))
        for root, tag_id in session.execute(select(tree.c.root, tree.c.id)):
            found.setdefault(root, set()).add(tag_id)
    return found


def _find_prefix(session: Session, prefix: str) -> set[int]:
    low, high = (literal(bound) for bound in store.prefix_bounds(prefix))
    named = select(Tag.id).where(Tag.key >= low, Tag.key < high)
    alias = select(TagAlias.tag_id).where(TagAlias.key >= low, TagAlias.key < high)
    return set(session.scalars(union(named, alias)))


def _estimate(session: Session, tag_ids: set[int]) -> dict[int, int]:
    photos: dict[int, int] = {}
    for chunk in sql.chunks(sorted(tag_ids)):
        photos.update(session.execute(select(Tag.id, Tag.photos).where(Tag.id.in_(chunk))).all())
    return photos
