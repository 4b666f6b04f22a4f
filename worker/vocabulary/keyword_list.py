"""Reads keyword lists of Lightroom, digiKam and their like: one keyword a line, indented by tabs.

    animal
        dog
                {hound}
                beagle
    [places]
        Malmö

A word in braces is a synonym of the keyword above it; one in square brackets is a category, a
broader word like any other here. `file` calls it for files that look so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from catalog import spelling
from worker.errors import VocabularyError
from worker.vocabulary.keywords import Alias, Keyword

_SYNONYM = re.compile(r"\t*\{[^{}]+\}\s*")
#: A template such as `[a photo of a {word}]` is Kadr's own.
_INDENTED = re.compile(r"\t+[^\s#]")


@dataclass(slots=True)
class _Entry:
    number: int
    word: str
    parents: tuple[str, ...]
    aliases: list[Alias] = field(default_factory=list)


def is_keyword_list(text: str) -> bool:
    """Return whether a text is a keyword list: lines are indented by tabs, or hold synonyms."""
    return any(_INDENTED.match(line) or _SYNONYM.fullmatch(line) for line in text.splitlines())


def parse(text: str, source: str) -> Iterator[tuple[int, Keyword]]:
    """Yield each line's number and keyword, the broader words as its parents.

    Raises:
        VocabularyError: A word is too long, or a synonym stands above all keywords.
    """
    for entry in _entries(text, source):
        yield entry.number, Keyword(entry.word, tuple(entry.aliases), entry.parents)


def _entries(text: str, source: str) -> list[_Entry]:
    entries: list[_Entry] = []
    above: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        depth = len(line) - len(line.lstrip("\t"))
        word = spelling.clean(line)
        if not word:
            continue
        where = f"{source}, line {number}"
        if len(word) > spelling.MAX_WORD_CHARS:
            raise VocabularyError(
                f"{where}: a word of {len(word)} characters, '{word[:20]}...'; "
                f"at most {spelling.MAX_WORD_CHARS}"
            )
        if word.startswith("{") and word.endswith("}"):
            _add_synonym(entries, word[1:-1].strip(), where)
            continue
        if word.startswith("[") and word.endswith("]"):
            word = word[1:-1].strip()
        above[depth:] = [word]
        entries.append(_Entry(number, word, tuple(reversed(above[:-1]))))
    return entries


def _add_synonym(entries: list[_Entry], word: str, where: str) -> None:
    if not entries:
        raise VocabularyError(f"{where}: '{word}' is a synonym without a keyword above it; add one")
    entries[-1].aliases.append(Alias(word))
