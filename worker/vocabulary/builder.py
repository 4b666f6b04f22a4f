"""Builds the packs that come with Kadr from names, frequencies and reviewed lists.

`kadr vocabulary build` calls it. Packs are plain files (`worker.vocabulary.file`), so nothing of
this runs when one is used.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from catalog import spelling
from worker.vocabulary import concepts, english, file
from worker.vocabulary.concepts import Concept
from worker.vocabulary.keywords import Alias, Keyword, Vocabulary

SOURCES = Path(__file__).parent.parent / "packs" / "sources"

_PLAIN = re.compile(r"[a-z]+( [a-z]+)?")
#: Rarer words are known to specialists only, and each one is a chance for a wrong keyword.
_MIN_ZIPF = 2.3
#: More frequent words have too many meanings ("can", "well"); the reviewed list has the visible
#: ones.
_MAX_ZIPF = 4.3


@dataclass(frozen=True)
class Sources:
    """The lists that people reviewed."""

    reviewed: Vocabulary
    parents: Vocabulary
    #: Names that must not be keywords.
    stop: frozenset[str]
    #: Words that no name may contain.
    never: frozenset[str]
    #: Names of several words that are keywords.
    phrases: frozenset[str]

    def is_fit(self, name: str) -> bool:
        """Return whether a name may be a keyword or an alias."""
        return name not in self.stop and self.never.isdisjoint(name.split())

    def parents_of(self, name: str, genus: str | None) -> tuple[str, ...]:
        """Return the broader words of a name, by its last word, else by its definition's noun."""
        last = name.rsplit(maxsplit=1)[-1]
        for broader in (last if last != name else None, genus and english.lemma(genus)):
            known = self._find(broader) if broader and broader != name else None
            if known is not None and name not in known.parents:
                return (known.word, *known.parents)
        return ()

    def _find(self, word: str) -> Keyword | None:
        known = self.parents.find(word)
        if known is not None:
            return known
        known = self.reviewed.find(word)
        return known if known is not None and known.parents else None


def read_sources() -> Sources:
    """Return the reviewed lists.

    Raises:
        VocabularyError: A list cannot be read.
    """
    return Sources(
        reviewed=file.read(SOURCES / "reviewed.txt")[0],
        parents=file.read(SOURCES / "parents.txt")[0],
        stop=_read_words(SOURCES / "stop.txt"),
        never=_read_words(SOURCES / "never.txt"),
        phrases=_read_phrases(SOURCES / "phrases.txt"),
    )


def _read_words(path: Path) -> frozenset[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def _read_phrases(path: Path) -> frozenset[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    listed = (phrase for line in lines if not line.startswith("#") for phrase in line.split(","))
    return frozenset(phrase.strip() for phrase in listed)


def build_visual() -> Vocabulary:
    """Return the pack `visual`: the reviewed words and ImageNet-22k's common visible things."""
    sources = read_sources()
    found = [concept for concept in concepts.imagenet_22k() if concept.is_visible]
    meanings = Counter(name for concept in found for name in concept.names)
    everyday = {concept.wnid for concept in concepts.imagenet_1k()}
    keywords = {spelling.fold(keyword.word): keyword for keyword in sources.reviewed}
    for concept in found:
        keyword = _keyword(concept, sources, meanings, is_everyday=concept.wnid in everyday)
        if keyword is not None and sources.reviewed.find(keyword.word) is None:
            keywords.setdefault(spelling.fold(keyword.word), keyword)
    for parent in sources.parents:
        for name in (parent.word, *parent.parents):
            if sources.reviewed.find(name) is None:
                keywords.setdefault(spelling.fold(name), Keyword(name))
    ordered = sorted(keywords.values(), key=lambda each: (-english.zipf(each.word), each.word))
    return _as_read("visual", with_plurals(_with_known_parents(ordered)))


def build_imagenet_1k() -> Vocabulary:
    """Return the pack `imagenet-1k`: its 1,000 classes in order, each by its first free name."""
    sources = read_sources()
    taken: set[str] = set()
    keywords: list[Keyword] = []
    for concept in concepts.imagenet_1k():
        names = [name for name in concept.names if spelling.fold(name) not in taken]
        word, *rest = names or [f"{concept.names[0]} ({concept.genus})"]
        taken.add(spelling.fold(word))
        aliases = tuple(Alias(name) for name in rest)
        keywords.append(Keyword(word, aliases, sources.parents_of(word, concept.genus)))
    return _as_read("imagenet-1k", with_plurals(keywords))


def _as_read(name: str, keywords: tuple[Keyword, ...]) -> Vocabulary:
    """Return the vocabulary that its file is read as: an alias belongs to one keyword only."""
    text = file.format_vocabulary(Vocabulary(name, keywords))
    return file.parse(text, name=name, source=name)[0]


def fill_up(vocabulary: Vocabulary) -> Vocabulary:
    """Return a vocabulary with synonyms (of words of one meaning), parents and plurals added."""
    sources = read_sources()
    found = [concept for concept in concepts.imagenet_22k() if concept.is_visible]
    meanings = Counter(name for concept in found for name in concept.names)
    by_name = {name: each for each in found for name in each.names if meanings[name] == 1}
    known = {spelling.fold(form) for keyword in vocabulary for form in _all_forms(keyword)}
    grown = []
    for keyword in vocabulary:
        concept = by_name.get(keyword.word)
        others = concept.names if concept is not None else ()
        fresh = [
            name for name in others if meanings[name] == 1 and spelling.fold(name) not in known
        ]
        known.update(map(spelling.fold, fresh))
        genus = concept.genus if concept is not None else None
        parents = keyword.parents or sources.parents_of(keyword.word, genus)
        aliases = (*keyword.aliases, *map(Alias, fresh))
        grown.append(replace(keyword, aliases=aliases, parents=parents))
    return replace(vocabulary, keywords=with_plurals(_with_known_parents(grown)))


def with_plurals(keywords: Iterable[Keyword]) -> tuple[Keyword, ...]:
    """Return keywords with their regular plurals as aliases, unless a plural is known ("men")."""
    listed = list(keywords)
    known = {spelling.fold(form) for each in listed for form in _all_forms(each)}
    grown = []
    for keyword in listed:
        many = english.plural(keyword.word)
        has_one = any(english.is_plural(alias.word, keyword.word) for alias in keyword.aliases)
        if many is not None and spelling.fold(many) not in known and not has_one:
            keyword = replace(keyword, aliases=(*keyword.aliases, Alias(many)))  # noqa: PLW2901
        grown.append(keyword)
    return tuple(grown)


def _keyword(
    concept: Concept, sources: Sources, meanings: Counter[str], *, is_everyday: bool
) -> Keyword | None:
    """Return the keyword of a concept, or None if no name of it may be one."""
    names = [name for name in concept.names if _PLAIN.fullmatch(name) and sources.is_fit(name)]
    if not names or names[0] != concept.names[0]:
        return None
    word = _canonical(names, meanings)
    if any(sources.reviewed.find(name) is not None for name in names):
        return None
    parents = sources.parents_of(word, concept.genus)
    if not is_everyday and not _is_common(word, sources):
        return None
    aliases = tuple(
        Alias(name) for name in names if name != word and meanings[name] == meanings[word] == 1
    )
    return Keyword(word, aliases, parents)


def _canonical(names: Sequence[str], meanings: Counter[str]) -> str:
    """Return the most frequent name, or WordNet's first one if that has several meanings."""
    if meanings[names[0]] > 1:
        return names[0]
    return max((name for name in names if meanings[name] == 1), key=english.zipf)


def _is_common(name: str, sources: Sources) -> bool:
    """Return whether a name is in common use; phrases are only if they were reviewed.

    The frequency of a phrase is not known: "lead tree" is made of common words.
    """
    if " " in name:
        return name in sources.phrases
    return _MIN_ZIPF <= english.zipf(name) <= _MAX_ZIPF


def _with_known_parents(keywords: Sequence[Keyword]) -> list[Keyword]:
    """Return keywords whose parents are canonical words, and never the keyword itself."""
    canonical = {
        spelling.fold(form): keyword.word for keyword in keywords for form in _all_forms(keyword)
    } | {spelling.fold(keyword.word): keyword.word for keyword in keywords}
    return [
        replace(
            keyword,
            parents=tuple(
                dict.fromkeys(
                    canonical.get(spelling.fold(parent), parent)
                    for parent in keyword.parents
                    if canonical.get(spelling.fold(parent), parent) != keyword.word
                )
            ),
        )
        for keyword in keywords
    ]


def _all_forms(keyword: Keyword) -> list[str]:
    return [keyword.word, *(alias.word for alias in keyword.aliases)]
