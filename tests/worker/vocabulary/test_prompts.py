"""Prompt templates: sets, a person's own, and what cannot be one."""

from pathlib import Path

import pytest

from worker.errors import VocabularyError
from worker.vocabulary import prompts


def test_paper_asks_for_a_photo_of_a_word() -> None:
    assert prompts.parse(["paper"]).templates == ("a photo of a {word}",)


def test_sets_and_own_templates_mix_and_equal_ones_count_once() -> None:
    mixed = prompts.parse(["plain", "a photo of animal {word}", "paper", "{word}"])

    assert mixed.templates == ("{word}", "a photo of animal {word}", "a photo of a {word}")


@pytest.mark.parametrize(("name", "count"), [("openai-80", 80), ("openai-7", 7)])
def test_openai_ensembles_have_the_word_in_each(name: str, count: int) -> None:
    ensemble = prompts.parse([name])

    assert len(ensemble.templates) == count
    assert all("{word}" in template for template in ensemble.templates)


def test_template_without_word_is_refused_and_says_what_to_write() -> None:
    with pytest.raises(VocabularyError, match=r"has no \{word\}; write it where the word goes"):
        prompts.parse(["a photo of a dog"])


def test_no_template_is_refused() -> None:
    with pytest.raises(VocabularyError, match="no prompt template"):
        prompts.parse([])


def test_template_longer_than_a_model_reads_is_refused() -> None:
    with pytest.raises(VocabularyError, match="template of 306 characters"):
        prompts.parse(["x" * 300 + "{word}"])


def test_word_with_braces_is_put_in_as_it_is() -> None:
    assert prompts.fill(["a {word}"], "{x} {word}") == ["a {x} {word}"]


def test_digest_tells_templates_and_their_order() -> None:
    first, second = prompts.parse(["a {word}", "{word}"]), prompts.parse(["{word}", "a {word}"])

    assert first.digest != second.digest
    assert first.digest == prompts.parse(["a {word}", "{word}"]).digest


def test_model_folder_may_bring_its_own_prompts(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("# best on the dev split\na {word}\n\nthe {word}\n")

    assert prompts.default_for(tmp_path).templates == ("a {word}", "the {word}")


def test_model_without_prompts_of_its_own_gets_the_papers(tmp_path: Path) -> None:
    assert prompts.default_for(tmp_path).templates == (prompts.PAPER,)
    assert prompts.default_for(None).templates == (prompts.PAPER,)


def test_prompts_of_a_model_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_bytes(b"a {word} \xff")
    with pytest.raises(VocabularyError, match="cannot be read"):
        prompts.default_for(tmp_path)
