"""What vocabularies know of words: which keyword is meant, in which catalogue."""

from pathlib import Path

import pytest

from catalog.tags.store import TagSpec
from catalog.tags.taggers import TaggerChoice
from worker.vocabulary import file, lexicon


def chosen(vocabulary: str | Path) -> TaggerChoice:
    return TaggerChoice("starter", str(vocabulary), (), "default")


def test_every_form_of_a_word_leads_to_all_that_is_known_of_it() -> None:
    text = "Puppy | puppies | @ru щенок < dog\ndog\n"
    words, _ = file.parse(text, name="test", source="test")
    puppy = TagSpec("Puppy", (("puppies", None), ("щенок", "ru")), ("dog",))

    assert lexicon.of(words) == {
        "puppy": puppy, "puppies": puppy, "щенок": puppy, "dog": TagSpec("dog")
    }  # fmt: skip


def test_catalogues_own_vocabulary_goes_before_the_pack(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("jet | plane\ndog\n", encoding="utf-8")

    assert lexicon.look_up(chosen(file), ["plane"])["plane"].word == "jet"
    assert lexicon.look_up(chosen(file), ["plane", "lorry"])["lorry"].word == "truck"
    assert lexicon.look_up(chosen(file), ["plane", "lorry"])["plane"].word == "jet"


def test_catalogue_that_nothing_tagged_yet_knows_the_pack() -> None:
    assert lexicon.look_up(None, ["plane"])["plane"].word == "airplane"


@pytest.mark.parametrize(
    ("vocabulary", "why"),
    [
        ("russian-sample", "its language is another"),
        ("english-50k", "it tags with plane and airplane"),
        ("/nowhere/mine.txt", "the file is gone, and a person's word counts nevertheless"),
    ],
)
def test_pack_is_not_asked_where_it_would_mislead(vocabulary: str, why: str) -> None:
    assert "plane" not in lexicon.look_up(chosen(vocabulary), ["plane"]), why
