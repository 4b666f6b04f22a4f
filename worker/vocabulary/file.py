"""The format of vocabulary files ("packs"): one keyword a line, made to be written by hand.

    # what follows a hash at the start of a line or after a space is a comment
    %language en
    beagle | beagles | @ru бигль < hound < dog < animal
    [a photo of a {word}, a type of pet | a {word}]
    tabby < cat
    []
    crane ^ 2

A line is the canonical word, then aliases after `|` (those of another language begin with its
`@tag`), then broader words after `<`, the nearest first. A line in brackets gives the words below
it prompt templates of their own, `[]` ends that. `^` and a number at the end raise the word's bar:
that much is subtracted from the log-odds of its confidence. `%language` names the language of the
words. A keyword list of Lightroom is read as well, see `keyword_list`.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from catalog import spelling
from worker.errors import VocabularyError
from worker.vocabulary import keyword_list, prompts
from worker.vocabulary.keywords import Alias, Keyword, Vocabulary

#: Far above any vocabulary; keeps a video that was named by mistake from being read.
MAX_FILE_BYTES = 64 * 2**20

#: A higher bar would suppress a word altogether.
MAX_BAR = 10.0

_BAR = re.compile(r"\s\^\s*(\d{1,3}(\.\d+)?)$")
_CARET = re.compile(r"\s\^(\s|$)")
_COMMENT = re.compile(r"(^|\s)#.*$")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True, slots=True)
class Note:
    """A correction made while reading a file, which its author may want to know about."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    keyword: Keyword


def read(path: Path, *, name: str | None = None) -> tuple[Vocabulary, list[Note]]:
    """Return the vocabulary of a file, and notes about what was corrected in it.

    Args:
        path: The file.
        name: Name of the vocabulary; by default the file's.

    Raises:
        VocabularyError: The file cannot be read or used; the message says in which line.
    """
    return parse(_decode(path), name=name or path.stem, source=str(path))


def parse(text: str, *, name: str, source: str) -> tuple[Vocabulary, list[Note]]:
    """Return the vocabulary of a text, and notes about what was corrected in it.

    Empty lines are skipped. Words that differ only in case, Unicode form or ё become one keyword
    with the aliases of all. An alias that is itself a keyword, or already another's, is dropped.
    Each such correction makes a note.

    Args:
        text: The content of a vocabulary file.
        name: Name of the vocabulary.
        source: What errors call the text.

    Raises:
        VocabularyError: A word is too long, a template has no `{word}`, a bar is not a number, a
            directive is unknown, or there are fewer than two words.
    """
    language, lines = _lines(text, source)
    notes: list[Note] = []
    keywords = _without_shared_aliases(_merged(lines, notes), notes)
    if len(keywords) < 2:  # noqa: PLR2004
        raise VocabularyError(
            f"{source}: has {'one word' if keywords else 'no words'}, and keywords are chosen by "
            "comparing words; write at least two, one a line"
        )
    vocabulary = Vocabulary(name, tuple(line.keyword for line in keywords), language=language)
    return vocabulary, sorted(notes, key=lambda note: note.line)


def format_keyword(keyword: Keyword) -> str:
    """Return the keyword as a line that `parse` reads back to an equal one."""
    aliases = (
        f"@{alias.language} {alias.word}" if alias.language else alias.word
        for alias in keyword.aliases
    )
    line = " < ".join([" | ".join([keyword.word, *aliases]), *keyword.parents])
    return f"{line} ^ {keyword.bar:g}" if keyword.bar else line


def format_vocabulary(vocabulary: Vocabulary) -> str:
    """Return a file's text that `parse` reads back to equal keywords."""
    lines = [f"%language {vocabulary.language}"]
    templates: tuple[str, ...] = ()
    for keyword in vocabulary:
        if keyword.templates != templates:
            templates = keyword.templates
            lines.append(f"[{' | '.join(templates)}]")
        lines.append(format_keyword(keyword))
    return "".join(f"{line}\n" for line in lines)


def _decode(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise VocabularyError(f"{path}: larger than 64 MiB; is it a list of words?")
        content = path.read_bytes()
    except OSError as error:
        raise VocabularyError(
            f"{path}: cannot be read ({error.strerror}); check the path"
        ) from error
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            raise VocabularyError(f"{path}: is {encoding}; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise VocabularyError(f"{path}, line {line}: is not UTF-8; save it as UTF-8") from error


def _lines(text: str, source: str) -> tuple[str, list[_Line]]:
    """Return the language of the words and the keywords with their line numbers."""
    if keyword_list.is_keyword_list(text):
        return "en", [_Line(*found) for found in keyword_list.parse(text, source)]
    language = "en"
    templates: tuple[str, ...] = ()
    lines: list[_Line] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = _COMMENT.sub("", raw).strip()
        where = f"{source}, line {number}"
        if not line:
            continue
        if line.startswith("%"):
            language = _directive(line, where)
        elif line.startswith("["):
            templates = _templates(line, where)
        else:
            keyword = replace(_keyword(line, where), templates=templates)
            lines.append(_Line(number, keyword))
    return language, lines


def _directive(line: str, where: str) -> str:
    match line[1:].split():
        case ["language", tag] if _LANGUAGE.fullmatch(tag):
            return tag
        case _:
            raise VocabularyError(f"{where}: unknown directive '{line[:40]}'; write %language en")


def _templates(line: str, where: str) -> tuple[str, ...]:
    if not line.endswith("]"):
        raise VocabularyError(f"{where}: the templates in brackets have no end; add ]")
    inside = line[1:-1].strip()
    if not inside:
        return ()
    return tuple(prompts.check_template(part.strip(), where=where) for part in inside.split("|"))


def _keyword(line: str, where: str) -> Keyword:
    bar = _BAR.search(line)
    if bar is not None:
        line = line[: bar.start()]
    if _CARET.search(line):
        raise VocabularyError(f"{where}: after ^ a bar from 0 to {MAX_BAR:g} is missing; write ^ 2")
    names, *parents = line.split("<")
    word, *aliases = names.split("|")
    return Keyword(
        word=_word(word, where),
        aliases=tuple(_alias(alias.strip(), where) for alias in aliases if alias.strip()),
        parents=tuple(_word(parent, where) for parent in parents),
        bar=min(float(bar[1]), MAX_BAR) if bar is not None else 0.0,
    )


def _alias(text: str, where: str) -> Alias:
    if not text.startswith("@"):
        return Alias(_word(text, where))
    tag, _, word = text[1:].partition(" ")
    if not _LANGUAGE.fullmatch(tag):
        raise VocabularyError(f"{where}: '@{tag[:20]}' is not a language; write @ru собака")
    return Alias(_word(word, where), tag)


def _word(text: str, where: str) -> str:
    word = spelling.clean(text)
    if not word:
        raise VocabularyError(
            f"{where}: a word is missing beside | or <; write it or remove the sign"
        )
    if len(word) > spelling.MAX_WORD_CHARS:
        raise VocabularyError(
            f"{where}: a word of {len(word)} characters, '{word[:20]}...'; "
            f"at most {spelling.MAX_WORD_CHARS}, one word or phrase a line"
        )
    return word


def _merged(lines: Iterable[_Line], notes: list[Note]) -> list[_Line]:
    """Return the lines with those of the same word merged into one keyword."""
    merged: dict[str, _Line] = {}
    for line in lines:
        form = spelling.fold(line.keyword.word)
        first = merged.get(form)
        if first is None:
            merged[form] = line
            continue
        notes.append(Note(line.number, f"'{line.keyword.word}' is in line {first.number} already"))
        keyword = replace(
            first.keyword,
            aliases=first.keyword.aliases + line.keyword.aliases,
            parents=first.keyword.parents or line.keyword.parents,
        )
        merged[form] = _Line(first.number, keyword)
    return list(merged.values())


def _without_shared_aliases(lines: list[_Line], notes: list[Note]) -> list[_Line]:
    """Return the lines without aliases that are keywords or belong to an earlier keyword."""
    taken = {spelling.fold(line.keyword.word): line.number for line in lines}
    kept_lines: list[_Line] = []
    for line in lines:
        kept = tuple(_fresh_aliases(line, taken, notes))
        kept_lines.append(_Line(line.number, replace(line.keyword, aliases=kept)))
    return kept_lines


def _fresh_aliases(line: _Line, taken: dict[str, int], notes: list[Note]) -> Iterator[Alias]:
    for alias in line.keyword.aliases:
        form = spelling.fold(alias.word)
        if form not in taken:
            taken[form] = line.number
            yield alias
        elif taken[form] != line.number:
            notes.append(
                Note(
                    line.number, f"alias '{alias.word}' dropped, line {taken[form]} has it already"
                )
            )
