"""Completes half-typed keywords and suggests known ones for misspelt words.

The shell's completion and `kadr search` call it.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import Tag, TagAlias
from catalog.spelling import fold
from catalog.tags import store

#: The word that is being typed: at the end, after a space, a bracket, a colon or a quotation mark.
_LAST_WORD = re.compile(r'(?:"(?P<quoted>[^"]*)|(?P<bare>[^\s()":]*))$')
#: Letters that a misspelt word may lack, by the script that it is written in.
_ALPHABETS = ("abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщъыьэюя")
_JOINTS = " -'"
#: Keys that are compared one by one when no single typing error explains a word.
_COMPARED = 3_000
_LEAST_ALIKE = 0.75
#: Words of the longest keyword that is recognised without its quotes.
_PHRASE_WORDS = 5


@dataclass(frozen=True, slots=True)
class Completion:
    """A keyword that completes a half-typed word."""

    #: The tag's name, or the alias that was being typed.
    word: str
    #: The tag that it finds.
    tag: str
    #: How many photos had it when `catalog.tags.counts` last counted.
    photos: int


def complete(session: Session, text: str, *, limit: int = 10) -> list[Completion]:
    """Return completions of a query's last word, the most frequent keywords first.

    An alias is left out where the name of its keyword begins the same: "dog" without "dogs".
    """
    prefix = fold(half_typed(text))
    if not prefix:
        return []
    low, high = (literal(bound) for bound in store.prefix_bounds(prefix))
    named = select(Tag.name.label("word"), Tag.name.label("tag"), Tag.photos.label("photos"))
    named = named.where(Tag.key >= low, Tag.key < high)
    alias = select(TagAlias.name, Tag.name, Tag.photos).join(Tag, Tag.id == TagAlias.tag_id)
    alias = alias.where(
        TagAlias.key >= low, TagAlias.key < high, or_(Tag.key < low, Tag.key >= high)
    )
    found = union_all(named, alias).subquery()
    ordered = select(found).order_by(found.c.photos.desc(), found.c.word).limit(limit)
    return [Completion(*row) for row in session.execute(ordered)]


def half_typed(text: str) -> str:
    """Return the word at the end of a query that is being typed."""
    found = _LAST_WORD.search(text)
    return "" if found is None else found["quoted"] or found["bare"] or ""


def suggest(session: Session, word: str, *, limit: int = 3) -> list[str]:
    """Return known keywords similar to an unknown word, the most likely first.

    Words that differ by one typing error (a letter added, missing, wrong, or two swapped) come
    before all others (Norvig, "How to write a spelling corrector").
    """
    key = fold(word)
    near = _known(session, _edits(key)) or _alike(session, key)
    return list(dict.fromkeys(near))[:limit]


def find_phrases(session: Session, text: str, unknown: Collection[str]) -> list[str]:
    """Return keywords of several words that a query names without the quotes that they need.

    Args:
        session: A read session.
        text: The query.
        unknown: Its words that are no keywords.
    """
    words, lost = text.split(), {fold(word) for word in unknown}
    runs = {
        fold(" ".join(words[start:end]))
        for start in range(len(words))
        for end in range(start + 2, min(start + _PHRASE_WORDS, len(words)) + 1)
        if any(fold(word) in lost for word in words[start:end])
    }
    return list(dict.fromkeys(_known(session, runs)))


def _edits(key: str) -> set[str]:
    letters = next((each for each in _ALPHABETS if set(each) & set(key)), "") + _JOINTS
    splits = [(key[:n], key[n:]) for n in range(len(key) + 1)]
    return set(_changed(splits, letters)) - {key}


def _changed(splits: Iterable[tuple[str, str]], letters: str) -> Iterator[str]:
    for left, right in splits:
        if right:
            yield left + right[1:]
            yield from (left + letter + right[1:] for letter in letters)
        if len(right) > 1:
            yield left + right[1] + right[0] + right[2:]
        yield from (left + letter + right for letter in letters)


def _known(session: Session, keys: Iterable[str]) -> list[str]:
    found: list[tuple[int, str]] = []
    for chunk in sql.chunks(sorted(keys)):
        named = select(Tag.photos, Tag.name).where(Tag.key.in_(chunk))
        alias = select(Tag.photos, TagAlias.name).join(Tag, Tag.id == TagAlias.tag_id)
        for photos, name in session.execute(union_all(named, alias.where(TagAlias.key.in_(chunk)))):
            found.append((-photos, name))
    return [name for _, name in sorted(found)]


def _alike(session: Session, key: str) -> list[str]:
    if not key:
        return []
    low, high = store.prefix_bounds(key[0])
    begins = (Tag.key >= literal(low), Tag.key < literal(high))
    long = func.length(Tag.key).between(len(key) - 2, len(key) + 2)
    names = select(Tag.key, Tag.name).where(*begins, long).order_by(Tag.photos.desc(), Tag.key)
    by_key = dict(session.execute(names.limit(_COMPARED)).all())
    close = difflib.get_close_matches(key, by_key, n=3, cutoff=_LEAST_ALIKE)
    return [by_key[each] for each in close]
