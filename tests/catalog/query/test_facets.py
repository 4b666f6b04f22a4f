"""Facets of a result, completion of a half-typed word, and what an unknown word may have meant."""

from datetime import datetime

import pytest
from sqlalchemy import select, update

from catalog import query
from catalog.db.database import Database
from catalog.db.tables import Photo, Tag
from catalog.query import counting, facets
from catalog.tags import completion, counts, store
from catalog.tags.store import TagSpec
from tests.support import catalogue

SPECS = {"dog": TagSpec("dog", aliases=(("doggo", None),))}


@pytest.fixture
def photos(database: Database) -> list[int]:
    words = [{"dog": 0.9, "sea": 0.5}, {"dog": 0.8}, {"sea": 0.7, "dolphin": 0.6}]
    with database.write() as session:
        ids = catalogue.add_photos(session, "a.jpg", "b.jpg", "c.jpg")
        for n, (photo_id, each) in enumerate(zip(ids, words, strict=True)):
            catalogue.tag_photo(session, photo_id, each, specs=SPECS)
            taken = datetime(2022 + n // 2, 1, 1)  # noqa: DTZ001
            change = update(Photo).where(Photo.id == photo_id)
            session.execute(change.values(taken_at=taken, camera="X100" if n else None))
        counts.refresh(session)
    return ids


def _pairs(values: tuple[facets.FacetValue, ...]) -> list[tuple[str, int]]:
    return [(each.value, each.photos) for each in values]


def test_facets_count_what_the_result_has(database: Database, photos: list[int]) -> None:
    with database.read() as session:
        found = query.prepare(session, "sea").facets()
    assert sorted(_pairs(found.keywords)) == [("dog", 1), ("dolphin", 1), ("sea", 2)]
    assert _pairs(found.years) == [("2023", 1), ("2022", 1)]
    assert _pairs(found.cameras) == [("X100", 1)]
    assert _pairs(found.formats) == [("jpeg", 2)]
    assert found.is_exact


def test_facets_of_a_large_result_are_estimated(
    database: Database, photos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "SAMPLE", 2)
    with database.read() as session:
        found = query.prepare(session, "dog OR sea").facets()
    assert not found.is_exact
    assert sum(each.photos for each in found.formats) == 2


def test_facets_of_rare_matches_of_common_words_are_exact(
    database: Database, photos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "MANY", 1)
    monkeypatch.setattr(counting, "LOOK_UP", 100)
    with database.read() as session:
        found = query.prepare(session, "dog sea").facets()
    assert sorted(_pairs(found.keywords)) == [("dog", 1), ("sea", 1)]
    assert found.is_exact


def test_facets_of_an_unknown_word_are_empty(database: Database, photos: list[int]) -> None:
    with database.read() as session:
        assert query.prepare(session, "zebra").facets().keywords == ()


def test_half_typed_word_is_completed_most_frequent_first(
    database: Database, photos: list[int]
) -> None:
    with database.read() as session:
        found = completion.complete(session, "sea AND (Do")
    assert [(each.word, each.tag, each.photos) for each in found] == [
        ("dog", "dog", 2),
        ("dolphin", "dolphin", 1),
    ]


def test_alias_completes_where_the_name_of_its_keyword_does_not(
    database: Database, photos: list[int]
) -> None:
    with database.read() as session:
        found = completion.complete(session, "dogg")
    assert [(each.word, each.tag) for each in found] == [("doggo", "dog")]


@pytest.mark.parametrize(
    ("text", "word"), [("a b", "b"), ('x "polar be', "polar be"), ("(", ""), ("tag:d", "d")]
)
def test_last_word_is_the_one_being_typed(text: str, word: str) -> None:
    assert completion.half_typed(text) == word


@pytest.mark.parametrize("typed", ["dgo", "do", "dogg", "dpg", "Dog's"])
def test_slip_of_a_finger_is_explained(database: Database, photos: list[int], typed: str) -> None:
    with database.read() as session:
        assert "dog" in completion.suggest(session, typed)


def test_worse_misspelling_is_explained_by_likeness(database: Database, photos: list[int]) -> None:
    with database.read() as session:
        assert completion.suggest(session, "dolphyne") == ["dolphin"]
        assert completion.suggest(session, "xylophone") == []


def test_keyword_of_several_words_is_recognised_without_its_quotes(database: Database):
    with database.write() as session:
        store.ensure_tags(session, ["mother's day", "day", "polar bear"], store.nothing_known)

        def find(text: str, *unknown: str) -> list[str]:
            return completion.find_phrases(session, text, unknown)

        assert find("Mother\u2019s day sea", "mother\u2019s", "sea") == ["mother's day"]
        assert find("polar bear", "polar", "bear") == ["polar bear"]
        assert find("day sea", "sea") == []


def test_counts_follow_the_keywords(database: Database, photos: list[int]) -> None:
    with database.write() as session:
        assert counts.refresh(session) == 0
        tag = select(Tag.photos).where(Tag.key == "sea")
        assert session.scalar(tag) == 2
