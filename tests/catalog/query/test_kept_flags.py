"""Words that were read are kept until the catalogue changes, and not a moment longer."""

import pytest
from sqlalchemy.orm import Session

from catalog import query
from catalog.db.database import Database
from catalog.query import all_matches, kept_flags
from catalog.tags import decisions
from tests.support import catalogue


def _fill(database: Database, *words: str) -> list[int]:
    with database.write() as session:
        ids = catalogue.add_photos(session, *(f"{number}.jpg" for number in range(len(words))))
        for photo_id, word in zip(ids, words, strict=True):
            catalogue.tag_photo(session, photo_id, {word: 0.5})
    return ids


def _find(session: Session, text: str) -> list[int]:
    return all_matches.find_ids(query.prepare(session, text))


def _find_reading(database: Database, text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Search again, and return how often ids were read."""
    read: list[object] = []
    whole = all_matches._read_ids

    def counted(*args: object) -> object:
        read.append(args)
        return whole(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patched, database.read() as session:
        patched.setattr(all_matches, "_read_ids", counted)
        _find(session, text)
    return len(read)


def test_a_word_is_read_once_by_searches_of_an_unchanged_catalogue(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(database, "dog", "cat")
    # Of PostgreSQL, any other database of the server may change between two searches.
    reads = [_find_reading(database, "dog OR cat", monkeypatch) for _ in range(10)]
    assert reads[0] == 3
    assert min(reads) == 1, "only the photos that are gone are asked for"


def test_what_was_committed_and_what_a_session_writes_itself_is_found_at_once(
    database: Database,
) -> None:
    first, second, third = _fill(database, "dog", "dog", "cat")
    with database.read() as session:
        assert _find(session, "dog") == sorted([first, second])
    with database.write() as session:
        decisions.reject(session, [first], ["dog"], now=catalogue.NOW)
        assert _find(session, "dog") == [second]
        decisions.add(session, [third], ["dog"], now=catalogue.NOW)
        assert _find(session, "dog") == sorted([second, third])
    with database.read() as session:
        assert _find(session, "dog") == sorted([second, third])


def test_the_threshold_and_rules_tell_words_apart(database: Database) -> None:
    ids = _fill(database, "dog")
    with database.read() as session:
        assert _find(session, "dog") == ids
        assert _find(session, "dog^0.6") == []
        strict = query.prepare(session, "dog", least=0.6)
        assert all_matches.find_ids(strict) == []


def test_no_more_is_kept_than_fits(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(database, "dog", "cat", "sea")
    monkeypatch.setattr(kept_flags, "MOST_BYTES", 2)  # three photos take a byte a word
    with database.read() as session:
        for text in ("dog", "cat", "sea", "dog"):
            assert len(_find(session, text)) == 1
        kept = session.connection().info[kept_flags._INFO]
        assert len(kept.words) <= 2
