"""Keyword lists of Lightroom as vocabularies: tabs for broader words, braces for synonyms."""

import pytest

from worker.errors import VocabularyError
from worker.vocabulary import file

LIST = """animal
\tdog
\t\t{hound}
\t\t{pooch}
\t\tbeagle
\tcat
[places]
\tMalmö
"""


def test_indented_words_have_broader_words() -> None:
    vocabulary, notes = file.parse(LIST, name="list", source="list.txt")

    assert notes == []
    assert vocabulary.words == ["animal", "dog", "beagle", "cat", "places", "Malmö"]
    assert {each.word: each.parents for each in vocabulary} == {
        "animal": (),
        "dog": ("animal",),
        "beagle": ("dog", "animal"),
        "cat": ("animal",),
        "places": (),
        "Malmö": ("places",),
    }


def test_words_in_braces_are_aliases_of_the_keyword_above() -> None:
    vocabulary, _ = file.parse(LIST, name="list", source="list.txt")

    assert vocabulary.find("hound") == vocabulary.find("dog") == vocabulary.find("POOCH")


def test_synonym_without_a_keyword_is_refused_with_its_line() -> None:
    with pytest.raises(VocabularyError, match=r"list.txt, line 1: 'dog' is a synonym"):
        file.parse("{dog}\ncat\n", name="list", source="list.txt")


def test_templates_of_a_vocabulary_file_are_no_keyword_list() -> None:
    text = "[a photo of a {word}, a pet]\n  dog\ncat | cats < animal\n"
    vocabulary, _ = file.parse(text, name="words", source="words.txt")

    assert vocabulary.words == ["dog", "cat"]
    assert vocabulary.keywords[0].templates == ("a photo of a {word}, a pet",)
