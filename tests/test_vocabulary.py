"""Vocabularies: the file format, what is put right in it, and what is refused."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import vocabulary
from worker.errors import VocabularyError
from worker.vocabulary import file
from worker.vocabulary.keywords import Alias, Keyword, Vocabulary


def parse(text: str) -> Vocabulary:
    return file.parse(text, name="mine", source="mine.txt")[0]


def lines(*each: str) -> str:
    return "\n".join(each)


def notes(text: str) -> list[str]:
    found = file.parse(text, name="mine", source="mine.txt")[1]
    return [f"{note.line}: {note.message}" for note in found]


def test_line_has_a_word_aliases_and_broader_words() -> None:
    dog, _ = parse("beagle | beagles | @ru бигль < hound < dog\ncat")

    assert dog.word == "beagle"
    assert dog.aliases == (Alias("beagles"), Alias("бигль", "ru"))
    assert dog.parents == ("hound", "dog")
    assert dog.parent == "hound"


def test_comments_and_empty_lines_are_skipped_and_a_hash_in_a_word_stays() -> None:
    words = parse("# pets\n\ndog  # the best\nC#\n   \ncat").words

    assert words == ["dog", "C#", "cat"]


def test_brackets_give_the_words_below_templates_of_their_own() -> None:
    sun, tabby, car = parse(
        "sun\n[a photo of a {word}, a type of pet | a {word}]\ntabby\n[]\ncar"
    ).keywords

    assert tabby.templates == ("a photo of a {word}, a type of pet", "a {word}")
    assert sun.templates == car.templates == ()


def test_bar_of_a_word_stands_at_the_end_of_its_line() -> None:
    goat, crane, sea = parse("goat | goats < animal ^ 1.5\ncrane ^2\nsea^2")

    assert (goat.bar, goat.parents) == (1.5, ("animal",))
    assert (crane.word, crane.bar) == ("crane", 2.0)
    assert (sea.word, sea.bar) == ("sea^2", 0.0)


def test_vocabulary_reads_back_as_it_was_written() -> None:
    templates = ("[фото {word} | {word}]", "кот | @en cat < зверь ^ 0.5", "[]")
    words = parse(lines("%language ru", "дом", *templates, "лес"))

    assert list(parse(file.format_vocabulary(words))) == list(words)
    assert parse(file.format_vocabulary(words)).digest == words.digest


def test_language_is_of_all_words() -> None:
    assert parse(lines("%language ru", "собака", "кошка")).language == "ru"


def test_words_keep_their_order() -> None:
    assert parse("zebra\nant\nmoose").words == ["zebra", "ant", "moose"]


def test_duplicates_become_one_keyword_with_the_aliases_of_all() -> None:
    text = "dog | dogs\ncat\nDog | hound < animal"
    dog, cat = parse(text)

    assert dog == Keyword("dog", (Alias("dogs"), Alias("hound")), ("animal",))
    assert cat == Keyword("cat")
    assert notes(text) == ["3: 'Dog' is in line 1 already"]


def test_unicode_forms_case_and_yo_are_one_word() -> None:
    decomposed = unicodedata.normalize("NFD", "ёлка")

    assert parse(lines("ёлка", decomposed, "ЕЛКА", "сосна")).words == ["ёлка", "сосна"]


def test_alias_that_is_a_keyword_is_dropped() -> None:
    text = "dog | cat\ncat"

    assert parse(text).find("cat") == Keyword("cat")
    assert notes(text) == ["1: alias 'cat' dropped, line 2 has it already"]


def test_alias_of_two_keywords_stays_with_the_first() -> None:
    found = parse("couch | sofa\nsettee | sofa").find("Sofa")

    assert found is not None
    assert found.word == "couch"


def test_keyword_is_found_by_any_of_its_names() -> None:
    words = parse("beagle | beagles | @ru бигль\ncat")

    for name in ("beagle", "BEAGLES", "Бигль", " beagle "):
        found = words.find(name)
        assert found is not None
        assert found.word == "beagle"
    assert words.find("dog") is None


def test_digest_tells_words_and_not_layout() -> None:
    plain = parse("dog|dogs\ncat")

    assert parse("# pets\ndog  |  dogs\n\ncat").digest == plain.digest
    assert parse("dog|dogs\ncow").digest != plain.digest
    assert parse("dog\ncat").digest != plain.digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.txt: has no words"),
        ("# nothing\n", "has no words"),
        ("dog", "has one word, .* write at least two"),
        ("dog\nDOG", "has one word"),
        ("dog\n" + "x" * 3000, "line 2: a word of 3000 characters"),
        ("dog\n| cat", "line 2: a word is missing"),
        ("dog\ncat <", "line 2: a word is missing"),
        ("[a photo]\ndog\ncat", r"line 1: template 'a photo' has no \{word\}"),
        ("[a {word}\ndog\ncat", "line 1: the templates in brackets have no end"),
        ("%colour red\ndog\ncat", "line 1: unknown directive '%colour red'"),
        ("dog | @russian собака\ncat", "'@russian' is not a language"),
        ("dog\ncat ^ -3", "line 2: after \\^ a bar from 0 to 10 is missing"),
        ("dog ^\ncat", "line 1: after \\^ a bar"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(VocabularyError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("dog\ncat".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        ("собака".encode("cp1251"), "line 1: is not UTF-8"),
        (b"dog\n" + "кошка".encode("cp1251"), "line 2: is not UTF-8"),
    ],
)
def test_other_and_mixed_encodings_are_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    with pytest.raises(VocabularyError, match=message):
        vocabulary.load(path)


def test_byte_order_mark_and_windows_line_ends_are_no_part_of_words(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(b"\xef\xbb\xbfdog\r\ncat\r\n")

    assert vocabulary.load(path).words == ["dog", "cat"]


def test_file_is_a_vocabulary_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "garden.txt"
    path.write_text("rose\ntulip\n", encoding="utf-8")

    assert vocabulary.load(str(path)).name == "garden"


def test_folder_is_no_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match="no such vocabulary or file"):
        vocabulary.load(tmp_path)


def test_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(VocabularyError, match="did you mean english-50k"):
        vocabulary.load("english50k")


def test_every_pack_that_comes_with_kadr_loads() -> None:
    for name in vocabulary.list_names():
        words = vocabulary.load(name)
        assert words.name == name
        assert len(words) > 50


def test_english_is_the_50000_most_common_words() -> None:
    words = vocabulary.load("english-50k").words

    assert len(words) == len(set(words)) == 50_000
    assert words[0] == "the"
    assert words.index("dog") < words.index("beagle")


_WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="#|<%[@"),
    min_size=1,
    max_size=20,
)


@given(
    word=_WORDS,
    aliases=st.lists(st.builds(Alias, _WORDS, st.sampled_from([None, "ru", "pt-BR"])), max_size=3),
    parents=st.lists(_WORDS, max_size=3),
)
def test_line_reads_back_as_it_was_written(
    word: str, aliases: list[Alias], parents: list[str]
) -> None:
    written = [
        file.format_keyword(Keyword(word, tuple(aliases), tuple(parents))),
        "another word",
    ]
    once = parse(lines(*written))
    again = parse(lines(*map(file.format_keyword, once)))

    assert again == once
