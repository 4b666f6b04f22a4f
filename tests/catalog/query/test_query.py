"""Search as a library: relevance, words, statements, odd values."""

import contextlib
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from catalog import query
from catalog.db.database import Database
from catalog.errors import NotFoundError, QueryError
from catalog.photos import files, roots
from catalog.query import all_matches, by_date, by_relevance, counting, photo
from catalog.tags import counts
from tests.support import catalogue, generated


@contextlib.contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collect the statements that run meanwhile."""
    seen: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def _fill(database: Database, *words: dict[str, float]) -> list[int]:
    with database.write() as session:
        ids = catalogue.add_photos(session, *(f"{n}.jpg" for n in range(len(words))))
        for photo_id, each in zip(ids, words, strict=True):
            catalogue.tag_photo(session, photo_id, each)
    return ids


def _found(database: Database, text: str) -> list[tuple[int, float | None]]:
    with database.read() as session:
        page = query.search(session, text, now=generated.NOW)
    return [(hit.photo_id, hit.relevance) for hit in page.hits]


def test_and_is_as_relevant_as_its_weakest_keyword(database: Database) -> None:
    first, second = _fill(database, {"dog": 0.75, "sea": 0.5}, {"dog": 0.625, "sea": 0.875})
    assert _found(database, "dog sea") == [(second, 0.625), (first, 0.5)]


def test_or_is_as_relevant_as_its_strongest_keyword(database: Database) -> None:
    first, second = _fill(database, {"dog": 0.75, "sea": 0.5}, {"dog": 0.625, "sea": 0.875})
    assert _found(database, "dog OR sea") == [(second, 0.875), (first, 0.75)]


@pytest.mark.parametrize(
    "text", ["sea OR dog^0.05", "dog^0.05 OR dog^0.05", "(dog OR dog)^0.05", "sea^0.9 OR dog^0.05"]
)
def test_or_takes_a_least_confidence_below_the_threshold_at_its_word(
    database: Database, text: str
) -> None:
    first, second = _fill(database, {"dog": 0.0625}, {"dog": 0.75, "sea": 0.5})
    assert [photo_id for photo_id, _ in _found(database, text)] == [second, first]
    with database.read() as session:
        assert query.count(session, text) == 2
        assert query.find_ids(session, text, sort="taken") == [second, first]


def test_not_and_filters_leave_relevance_alone(database: Database) -> None:
    (first,) = _fill(database, {"dog": 0.75})
    assert _found(database, "dog NOT sea width:>100") == [(first, 0.75)]


#: Of how many photos one has the word, of some that are common.
_EVERY = {"animal": 1, "sea": 2, "beach": 3, "dog": 4}
#: Costs with which few photos are many, and nothing is read but as flags.
_DEAR = [
    (counting, "MANY", 2),
    (counting, "LOOK_UP", 1.5),
    (by_date, "SMALL", 2),
    (by_date, "WALKED", 1_000),
    (by_relevance, "LOOK", 1_000),
]


def test_plural_finds_the_singular(database: Database) -> None:
    (first,) = _fill(database, {"puppy": 0.75})
    assert _found(database, "puppies") == [(first, 0.75)]


def test_a_page_takes_the_same_few_statements_however_many_photos(database: Database) -> None:
    text = 'dog AND (sea OR beach) NOT cat taken:2023 OR near:"1,1,5km"'
    _fill(database, *({"dog": 0.5, "sea": n / 64} for n in range(2)))
    with counted(database) as few:
        _found(database, text)
    with database.write() as session:
        generated.store(session, [])
    _fill(database, *({"dog": 0.5, "sea": n / 64} for n in range(40)))
    with counted(database) as many:
        _found(database, text)
    assert len(many) <= len(few) <= 12  # words that name nothing cost two more


def test_a_page_of_common_words_is_read_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_relevance, "FIRST_LOOK", 2)  # a look of four times as many would follow
    monkeypatch.setattr(by_relevance, "LEAST_LOOK", 1)
    sure = [(n / 100 + 0.1, n * 37 % 90 / 100 + 0.1) for n in range(90)]
    _fill(database, *({"dog": dog, "sea": sea} for dog, sea in sure))
    with database.write() as session:
        counts.refresh(session)
    with counted(database) as seen, database.read() as session:
        page = query.search(session, "dog sea", limit=4, now=generated.NOW)
    best = sorted((min(pair) for pair in sure), reverse=True)[:4]
    assert [hit.relevance for hit in page.hits] == pytest.approx(best)
    assert sum("seen AS" in statement for statement in seen) == 1


@pytest.mark.parametrize("sort", ["relevance", "taken"])
def test_words_that_are_common_but_not_together_are_read_once_for_page_count_and_facets(
    database: Database, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    for module, name, value in _DEAR:
        monkeypatch.setattr(module, name, value)
    of_each = [
        {word: 0.3 + n / 100 for word, every in _EVERY.items() if n % every == 0} for n in range(60)
    ]
    ids = _fill(database, *of_each)
    with database.write() as session:
        counts.refresh(session)
    with counted(database) as seen, database.read() as session:
        ready = query.prepare(session, "animal dog sea beach")
        page = ready.page(sort=sort, limit=4)
        assert ready.count(cap=3) == 3
        assert ready.count() == ready.facets().photos == 5
    best = [ids[n] for n in (48, 36, 24, 12, 0)]  # of the same date, later ids come first
    in_order = best if sort == "relevance" else sorted(best, reverse=True)
    assert [hit.photo_id for hit in page.hits] == in_order[:4]
    # dog and beach; the five with both, asked for the other words; the photos that are gone.
    assert sum("group_concat" in each or "string_agg" in each for each in seen) == 4


def test_mark_of_another_query_is_refused(database: Database) -> None:
    _fill(database, {"dog": 0.75}, {"dog": 0.5})
    with database.read() as session:
        mark = query.search(session, "dog", limit=1).next_cursor
        with pytest.raises(QueryError, match="start from the first page"):
            query.search(session, "cat", after=mark)


@pytest.mark.parametrize(
    "text",
    [
        "width:>99999999999999999999999",
        "size:<1e300",
        "path:'",
        "camera:%",
        r"camera:\*",
        "taken:0001 OR taken:9999",
        'near:"90,180,20000km"',
        "x" * 3000,
        "--",
        "'; DROP TABLE photo; --",
    ],
)
def test_odd_values_find_nothing_or_are_refused_but_never_reach_as_sql(
    database: Database, text: str
) -> None:
    _fill(database, {"dog": 0.75})
    with contextlib.suppress(QueryError):
        _found(database, text)
    assert len(_found(database, "dog")) == 1


def test_threshold_of_the_settings_holds_for_the_library(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, sure = _fill(database, {"dog": 0.5}, {"dog": 0.75, "sea": 0.5})
    monkeypatch.setenv("KADR_MIN_CONFIDENCE", "0.6")
    with database.read() as session:
        (hit,) = query.search(session, "dog").hits
        assert (hit.photo_id, [each.name for each in hit.keywords]) == (sure, ["dog"])
        assert query.find_ids(session, "NOT dog") != []
        assert query.count(session, "sea") == 0
        assert [(tag.name, tag.photos) for tag in counts.list_tags(session)] == [("dog", 1)]


def test_threshold_of_one_query_holds_for_all_that_is_asked_of_it(database: Database) -> None:
    _, sure = _fill(database, {"dog": 0.5}, {"dog": 0.75, "sea": 0.5})
    with database.read() as session:
        strict = query.prepare(session, "dog", least=0.6)
        loose = query.prepare(session, "dog")
        assert (strict.ids(), strict.count(), loose.count()) == ([sure], 1, 2)
        assert [each.name for each in strict.page().hits[0].keywords] == ["dog"]
        assert [each.value for each in strict.facets().keywords] == ["dog"]


def test_name_of_a_file_that_is_there_means_that_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").touch()
    monkeypatch.chdir(tmp_path)
    with database.write() as session:
        (here,) = catalogue.add_photos(session, "a.jpg", root=str(tmp_path))
        catalogue.add_photos(session, "x/a.jpg", root="/elsewhere")
        assert photo.find_photo_id(session, "a.jpg") == here
        (tmp_path / "a.jpg").unlink()
        with pytest.raises(NotFoundError, match="2 photos have paths that end like this"):
            photo.find_photo_id(session, "a.jpg")


def test_one_file_more_of_a_photo_is_no_photo_more(database: Database) -> None:
    (first,) = _fill(database, {"dog": 0.75})
    with database.write() as session:
        root = roots.register_root(session, Path("/photos")).id
        seen = [catalogue.seen("copy.jpg", "0.jpg")]
        files.register_files(session, root, seen, now=catalogue.NOW)
    assert _found(database, "dog") == [(first, 0.75)]


def test_missing_photo_is_found_only_when_asked_for(database: Database) -> None:
    (first,) = _fill(database, {"dog": 0.75})
    with database.write() as session:
        root = roots.register_root(session, Path("/photos")).id
        files.mark_missing(session, root, ["0.jpg"], now=catalogue.NOW)
    assert _found(database, "dog") == []
    assert _found(database, "dog is:missing") == [(first, 0.75)]


def test_photos_that_arrive_while_flags_are_set_are_left_out(database: Database) -> None:
    with database.write() as session:
        first, later = catalogue.add_photos(session, "first.jpg", "later.jpg")
        for photo_id in (first, later):
            catalogue.tag_photo(session, photo_id, {"dog": 0.9})

    with database.read() as session:
        ready = query.prepare(session, "dog")
        set_before = all_matches._get_flags(ready, ready.node, n_ids=later)

    assert set_before.nonzero()[0].tolist() == [first]


_TEXTS_OF_PATHS = {
    'path:"urlaub é"': True,
    'path:"URLAUB É"': True,
    'path:"Urlaub E\u0301"': True,
    'path:"urlaub é/*"': True,
    'path:"/photos/urlaub É"': True,
    'path:"é/a.JPG"': True,
    'path:"é"': True,
    'path:"urlaub e/"': False,
    'path:"ö"': False,
}


def test_a_path_is_found_whatever_its_case_and_unicode_form(database: Database) -> None:
    decomposed = unicodedata.normalize("NFD", "Urlaub É/a.jpg")
    with database.write() as session:
        both = catalogue.add_photos(session, "Urlaub É/a.jpg", decomposed)

        found = {text: query.find_ids(session, text) for text in _TEXTS_OF_PATHS}

    assert {text: len(ids) == 2 for text, ids in found.items()} == _TEXTS_OF_PATHS
    assert set(found['path:"é"']) == set(both)
