"""Joins the keywords of all fields of a photo: each once, in one spelling, with its broader words.

`worker.images` and `worker.watch` call it; what writes sidecars completes each field to this union.
A path such as `animals|dog` is the keyword "dog", of which "animals" is a broader word: a search
for that finds the photo all the same.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from catalog import spelling
from catalog.said import Keyword
from worker.metadata.document import REPLACEMENT
from worker.metadata.xmp import FLAT, SEPARATORS, Field, Values

#: More keywords than anybody gives one photo; a hostile file may hold millions.
MAX_KEYWORDS = 500
#: Levels of a path that are read, the leaf included.
MAX_LEVELS = 8

#: First names of paths that programs make for themselves: what darktable notes of an export,
#: digiKam's labels. All below is left out.
_INTERNAL = frozenset({"darktable", "_digikam_internal_tags_"})
#: A first name that stands for the root: digiKam writes it where a word has no parent.
_ROOTS = frozenset({"_digikam_root_tag_"})
#: digiKam's notes about faces that have no name yet.
_UNNAMED = frozenset({"unknown", "unconfirmed", "ignored"})


def collect(
    fields: Mapping[Field, Values],
    *,
    more: Iterable[str] = (),
    cut: Collection[str] = (),
) -> tuple[Keyword, ...]:
    """Return the keywords of all fields, each once, in the order in which they are found.

    A word that is the leaf of a path is that path's keyword. A slash in a path is part of the word
    if the same text is a flat word: "AC/DC". Words with damaged characters, the marks that programs
    make for themselves, and words that no keyword may be are left out.

    Args:
        fields: The keyword fields of an XMP document.
        more: Flat words from elsewhere: IPTC, Windows' `XPKeywords`.
        cut: Those among `more` that may have been cut at 64 bytes, as IPTC does.
    """
    flat = [*_flat(fields), *_uncut(more, cut, list(_flat(fields)))]
    paths, marks = _paths(fields, {*map(spelling.fold, flat), *_names_with_slashes(fields)})
    by_leaf: dict[str, tuple[str, ...]] = {}
    for path in paths:
        by_leaf.setdefault(spelling.fold(path[-1]), path)
    found: dict[str, Keyword] = {}
    for word in flat:
        key = spelling.fold(word)
        if key not in marks and not is_mark(word.split("|")):
            found.setdefault(key, Keyword(word, by_leaf.get(key, (word,))[-2::-1]))
    for key, path in by_leaf.items():
        found.setdefault(key, Keyword(path[-1], path[-2::-1]))
    return tuple(found.values())[:MAX_KEYWORDS]


def split(field: Field, value: str, words: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of a path, root first, cleaned; a word of a flat field is a path of one.

    Args:
        field: Where the path is from, which says what stands between its names.
        value: The path as it is written.
        words: Folded words that are one name, although they have the separator in them.
    """
    separator = SEPARATORS.get(field)
    if separator is None or spelling.fold(value) in words:
        names = [value]
    else:
        names = _rejoined(value.split(separator), separator, words)
    return tuple(word for word in map(spelling.clean, names) if word)


def _rejoined(parts: list[str], separator: str, words: Collection[str]) -> list[str]:
    """Join the last parts of a path that are one word: music/AC/DC is "AC/DC" in "music"."""
    for start in range(1, len(parts) - 1):
        last = separator.join(parts[start:])
        if spelling.fold(last) in words:
            return [*parts[:start], last]
    return parts


def _flat(fields: Mapping[Field, Values]) -> Iterator[str]:
    for field in FLAT:
        if field in fields:
            yield from _usable(fields[field].values)


def _usable(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        shown = spelling.clean(word)
        if shown and len(shown) <= spelling.MAX_WORD_CHARS and REPLACEMENT not in shown:
            yield shown


def _uncut(more: Iterable[str], cut: Collection[str], whole: list[str]) -> Iterator[str]:
    """Yield the words, but those that were cut only where no whole word begins with them."""
    for word in more:
        is_known = word in cut and any(_is_begun_by(each, word) for each in whole)
        if not is_known:
            yield from _usable([word])


def _is_begun_by(whole: str, word: str) -> bool:
    return spelling.fold(whole).startswith(spelling.fold(word))


def _paths(
    fields: Mapping[Field, Values], words: Collection[str]
) -> tuple[list[tuple[str, ...]], set[str]]:
    """Return the paths, and the folded words that are only names in programs' own marks."""
    paths: list[tuple[str, ...]] = []
    marks: set[str] = set()
    for field in SEPARATORS:
        for value in fields[field].values if field in fields else ():
            if REPLACEMENT in value:
                continue
            names = _without_root(split(field, value, words))[-MAX_LEVELS:]
            if is_mark(names):
                marks.update(map(spelling.fold, names))
            elif names and all(len(word) <= spelling.MAX_WORD_CHARS for word in names):
                paths.append(names)
    used = {spelling.fold(word) for path in paths for word in path}
    return paths, marks - used


def _names_with_slashes(fields: Mapping[Field, Values]) -> Iterator[str]:
    """Yield the folded names with a slash that stand in paths whose separator is another one."""
    for field, separator in SEPARATORS.items():
        if separator != "/" and field in fields:
            for value in fields[field].values:
                yield from (spelling.fold(part) for part in value.split(separator) if "/" in part)


def _without_root(names: tuple[str, ...]) -> tuple[str, ...]:
    return names[1:] if names and names[0].casefold() in _ROOTS else names


def is_mark(names: Collection[str]) -> bool:
    """Return whether a path is a mark that a program made for itself, no keyword of the photo."""
    folded = [word.casefold() for word in names]
    if not folded:
        return False
    is_unnamed = len(folded) == 2 and folded[0] == "people" and folded[1] in _UNNAMED  # noqa: PLR2004
    return is_unnamed or (folded[0] in _INTERNAL and (len(folded) > 1 or folded[0][0] == "_"))
