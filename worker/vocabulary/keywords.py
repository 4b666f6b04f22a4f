"""Defines keywords, with aliases and parents, and vocabularies. Used everywhere; reads no files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from catalog import spelling
from worker.digests import digest_of


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name of a keyword: a plural, a spelling, a synonym, a word of another language."""

    word: str
    #: BCP 47 (`ru`, `pt-BR`) if the alias is not in the vocabulary's own language.
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Keyword:
    """One concept under its canonical word, the only form that becomes a tag."""

    word: str
    aliases: tuple[Alias, ...] = ()
    #: Broader words, the nearest first: ("hound", "dog", "animal").
    parents: tuple[str, ...] = ()
    #: Prompt templates of this word only (the paper's hints per group); empty: those of all words.
    templates: tuple[str, ...] = ()
    #: Subtracted from the log-odds of its confidence: a higher bar makes the keyword rarer.
    bar: float = 0.0

    @property
    def parent(self) -> str | None:
        """The nearest broader word."""
        return self.parents[0] if self.parents else None


@dataclass(frozen=True)
class Vocabulary:
    """The words that a photo may be tagged with, in a fixed order."""

    name: str
    keywords: tuple[Keyword, ...]
    #: BCP 47 of the canonical words.
    language: str = "en"

    def __len__(self) -> int:
        return len(self.keywords)

    def __iter__(self) -> Iterator[Keyword]:
        return iter(self.keywords)

    @property
    def words(self) -> list[str]:
        """The canonical words, in order."""
        return [keyword.word for keyword in self.keywords]

    @cached_property
    def digest(self) -> str:
        """sha256 over everything but the vocabulary's name and its file's layout."""
        return digest_of(
            self.language,
            *(
                json.dumps(
                    [
                        keyword.word,
                        [[alias.word, alias.language] for alias in keyword.aliases],
                        keyword.parents,
                        keyword.templates,
                        keyword.bar,
                    ],
                    ensure_ascii=False,
                )
                for keyword in self.keywords
            ),
        )

    @cached_property
    def by_form(self) -> dict[str, int]:
        """The place of the keyword that a form names, by every form, folded."""
        return _forms(self.keywords)

    def find(self, word: str) -> Keyword | None:
        """Return the keyword that `word` names, as itself or as an alias, in any spelling."""
        index = self.by_form.get(spelling.fold(word))
        return None if index is None else self.keywords[index]


def _forms(keywords: tuple[Keyword, ...]) -> dict[str, int]:
    """Map every form to its keyword; a keyword's own word goes before another's alias."""
    forms = {
        spelling.fold(alias.word): index
        for index, keyword in reversed(list(enumerate(keywords)))
        for alias in keyword.aliases
    }
    return forms | {spelling.fold(keyword.word): index for index, keyword in enumerate(keywords)}
