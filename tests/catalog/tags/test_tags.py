"""Keywords of a catalogue: one tag for all names of a thing, whoever came with which name first."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased

from catalog import query
from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoState, PhotoTag, Source, Tag
from catalog.tags import store
from catalog.tags.store import TagSpec
from tests.support.catalogue import add_photos, tag_photo

PUPPY = TagSpec("puppy", (("puppies", None), ("щенок", "ru")), ("dog", "animal"))
DOG = TagSpec("dog", (("hound", None), ("dogs", None)), ("animal",))
LEXICON = {"puppy": PUPPY, "puppies": PUPPY, "щенок": PUPPY, "dog": DOG, "hound": DOG, "dogs": DOG}


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as opened:
        yield opened


def parents(session: Session) -> dict[str, str | None]:
    above = aliased(Tag)
    query = select(Tag.name, above.name).outerjoin(above, above.id == Tag.parent_id)
    return dict(session.execute(query).all())


def ensure(session: Session, *names: str, lexicon: store.Lexicon = LEXICON) -> dict[str, int]:
    return store.ensure_tags(session, names, lambda _keys: lexicon)


def test_alias_that_comes_first_is_its_keyword(session: Session) -> None:
    found = ensure(session, "Puppies", "щенок", "puppy", " ")

    assert len(set(found.values())) == 1
    assert parents(session) == {"puppy": "dog", "dog": "animal", "animal": None}


def test_keyword_of_a_file_is_the_one_that_the_vocabulary_knows(session: Session) -> None:
    (photo,) = add_photos(session, "a.jpg")
    tag_photo(session, photo, {"puppy": 0.9}, keywords=("puppies", "Rex"), specs=LEXICON)

    assert {each.name for each in query.get_photo(session, photo).keywords} == {"puppy", "Rex"}


def test_broader_word_brings_its_aliases(session: Session) -> None:
    ensure(session, "puppy")

    assert store.find_tag_ids(session, ["hound"]) == {"hound": ensure(session, "dog")["dog"]}


def test_broader_word_may_be_named_by_an_alias(session: Session) -> None:
    ensure(session, "beagle", lexicon=LEXICON | {"beagle": TagSpec("beagle", (), ("hound",))})

    assert parents(session) == {"beagle": "dog", "dog": "animal", "animal": None}


def test_tags_of_others_learn_what_a_vocabulary_knows_of_them(session: Session) -> None:
    ensure(session, "puppy", "Rex", lexicon={})
    store.complete_tags(session, LEXICON)
    store.complete_tags(session, LEXICON)

    assert store.find_tag_ids(session, ["puppies", "hound"]).keys() == {"puppies", "hound"}
    assert parents(session) == {"puppy": "dog", "dog": "animal", "animal": None, "Rex": None}


def test_tags_learn_nothing_that_contradicts_what_they_have(session: Session) -> None:
    ensure(session, "dog", "puppies", lexicon={"dog": TagSpec("dog", (), ("puppy",))})
    store.complete_tags(session, LEXICON)

    assert parents(session) == {"dog": "puppy", "puppy": None, "animal": None, "puppies": None}


def test_words_that_are_each_others_broader_word_make_no_circle(session: Session) -> None:
    a, b = TagSpec("a", (), ("b",)), TagSpec("b", (), ("a",))
    ensure(session, "a", "b", lexicon={"a": a, "b": b})
    store.complete_tags(session, {"a": a, "b": b})

    assert parents(session) == {"a": "b", "b": None}


def test_word_that_a_file_no_longer_says_stays_if_the_model_finds_it(session: Session):
    (photo_id,) = add_photos(session, "a.jpg")
    tag_photo(session, photo_id, {"dog": 0.9, "cat": 0.6}, keywords=("dog", "Rex"))
    query_rows = select(Tag.name, PhotoTag.source, PhotoTag.score.is_not(None)).join(PhotoTag)

    first = {tuple(row) for row in session.execute(query_rows)}
    session.execute(update(Photo).values(state=PhotoState.PENDING))
    tag_photo(session, photo_id, {"dog": 0.9})
    second = {tuple(row) for row in session.execute(query_rows)}

    assert first == {
        ("dog", Source.METADATA, True),
        ("Rex", Source.METADATA, False),
        ("cat", Source.CLIP, True),
    }
    assert second == {("dog", Source.CLIP, True)}
