"""Groups by shared tags on photos whose groups are known."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoFile, PhotoTag, Root, Source, Tag
from catalog.errors import NotFoundError, OptionError
from catalog.groups import keyword_groups, kinds, store
from tests.support.generated import NOW

GROUPS, WORDS, BACKGROUND = 6, 6, 60


def _rows_of_photo(random: np.random.Generator, planted: int | None) -> Iterator[int]:
    """Return tags: one of nearly every photo, four of its group, three by chance."""
    if random.random() < 0.8:
        yield 1
    if planted is not None:
        yield from 2 + planted * WORDS + random.choice(WORDS, 4, replace=False)
    yield from 2 + GROUPS * WORDS + random.choice(BACKGROUND, 3, replace=False)


def _store_tags(session: Session) -> None:
    session.execute(insert(Root), [{"id": 1, "name": "photos", "path": "/photos"}])
    names = ["everywhere"]
    names += [f"g{group} w{word}" for group in range(GROUPS) for word in range(WORDS)]
    names += [f"other {n}" for n in range(BACKGROUND)]
    rows = [{"id": n, "name": name, "key": name} for n, name in enumerate(names, 1)]
    session.execute(insert(Tag), rows)


def _store_photos(session: Session, planted: list[int | None], *, first_id: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    ids = range(first_id, first_id + len(planted))
    photos = [
        {"id": n, "sha256": n.to_bytes(32), "size_bytes": 1, "state": "tagged", "added_at": NOW}
        for n in ids
    ]
    files = [
        {"root_id": 1, "path": f"{n}.jpg", "size_bytes": 1, "mtime_ns": 1, "photo_id": n}
        for n in ids
    ]
    tags = [
        {"tag_id": int(tag), "photo_id": n, "confidence": 0.5, "source": Source.CLIP}
        for n, group in zip(ids, planted, strict=True)
        for tag in _rows_of_photo(random, group)
    ]
    for table, rows in ((Photo, photos), (PhotoFile, files), (PhotoTag, tags)):
        session.execute(insert(table), rows)


@pytest.fixture
def planted(database: Database) -> NDArray[np.int64]:
    """Three hundred photos in six groups; gives the group of each."""
    of_photo = np.arange(300) % GROUPS
    with database.write() as session:
        _store_tags(session)
        _store_photos(session, of_photo.tolist(), first_id=1, seed=1)
    return of_photo


def _found_labels(session: Session, made: store.Definitions, n: int) -> NDArray[np.int64]:
    labels = -np.arange(1, n + 1)  # an ungrouped photo is a group of its own
    best = np.zeros(n)
    for each in made.groups:
        for photo_id, share in keyword_groups.find_photos(session, made, each.number):
            if share > best[photo_id - 1]:
                labels[photo_id - 1], best[photo_id - 1] = each.number, share
    return labels


def test_planted_groups_are_found_again(database: Database, planted: NDArray[np.int64]) -> None:
    from sklearn.metrics import adjusted_rand_score  # seconds; other test processes are spared

    with database.read() as session:
        made = keyword_groups.make(session)
        found = keyword_groups.find_groups(session, made)
        labels = _found_labels(session, made, len(planted))
    assert adjusted_rand_score(planted, labels) > 0.95
    assert len(found.groups) == GROUPS


def test_group_is_named_by_what_it_shares_and_others_do_not(
    database: Database, planted: NDArray[np.int64]
) -> None:
    with database.read() as session:
        found = keyword_groups.find_groups(session, keyword_groups.make(session))
    for group in found.groups:
        prefixes = {name.split()[0] for name in group.name.split(", ")}
        assert len(prefixes) == 1
        assert next(iter(prefixes)).startswith("g")
        assert all(tag.name != "everywhere" for tag in group.tags)
        assert group.tags[0].photos == round(group.tags[0].share * group.photos)


def test_same_catalogue_gives_the_same_groups(
    database: Database, planted: NDArray[np.int64]
) -> None:
    with database.read() as session:
        assert keyword_groups.make(session) == keyword_groups.make(session)


def test_every_photo_is_in_a_group_or_counted_as_ungrouped(
    database: Database, planted: NDArray[np.int64]
) -> None:
    with database.write() as session:
        _store_photos(session, [None] * 20, first_id=1000, seed=2)
    with database.read() as session:
        made = keyword_groups.make(session)
        found = keyword_groups.find_groups(session, made)
        grouped = {
            photo_id
            for each in found.groups
            for photo_id, _ in keyword_groups.find_photos(session, made, each.number)
        }
    assert found.photos == len(planted) + 20
    assert len(grouped) + found.ungrouped >= found.photos
    assert found.ungrouped >= 10


def test_new_photos_join_the_groups_there_are_without_renaming_them(
    database: Database, planted: NDArray[np.int64]
) -> None:
    with database.write() as session:
        made, is_new = keyword_groups.load_or_make(session)
        assert is_new
        store.save(session, made)
        before = keyword_groups.find_groups(session, made)
        _store_photos(session, [0] * 90, first_id=2000, seed=3)
        kept, is_new = keyword_groups.load_or_make(session)
        after = keyword_groups.find_groups(session, kept)
    assert not is_new
    assert kept == made
    assert {g.number: g.name for g in after.groups} == {g.number: g.name for g in before.groups}
    grown = {group.number: group.photos for group in after.groups}
    assert sum(grown.values()) > sum(group.photos for group in before.groups) + 70


def test_groups_that_are_first_asked_for_while_reading_are_kept(
    database: Database, planted: NDArray[np.int64]
) -> None:
    with database.read() as session:
        found = kinds.find_keyword_groups(session)
        one = kinds.get_group(session, found.groups[0].number)
    with database.read() as session:
        kept = store.find(session)
        again = kinds.find_keyword_groups(session)
        with pytest.raises(OptionError, match="--refresh"):
            kinds.find_keyword_groups(session, detail=0.9)
    assert kept is not None
    assert again == found
    assert len(one.photo_ids) == found.groups[0].photos
    assert one.name == found.groups[0].name


def test_photo_that_is_of_two_groups_is_in_both(
    database: Database, planted: NDArray[np.int64]
) -> None:
    both = [2, 3, 4, 2 + WORDS, 3 + WORDS, 4 + WORDS]
    with database.write() as session:
        _store_photos(session, [None], first_id=3000, seed=4)
        rows = [{"tag_id": tag, "photo_id": 3000, "confidence": 0.5} for tag in both]
        session.execute(insert(PhotoTag), [row | {"source": Source.CLIP} for row in rows])
        made = keyword_groups.make(session)
        homes = [
            each.name.split()[0]
            for each in made.groups
            if 3000 in dict(keyword_groups.find_photos(session, made, each.number))
        ]
    assert sorted(homes) == ["g0", "g1"]


def test_photos_of_a_group_are_those_that_it_was_counted_to_have(
    database: Database, planted: NDArray[np.int64]
) -> None:
    with database.write() as session:
        session.execute(update(Photo).where(Photo.id % 7 == 0).values(missing_since=NOW))
    for within in ("", '"g0 w0" OR "g1 w0"'):
        with database.read() as session:
            made = keyword_groups.make(session, within=within)
            found = keyword_groups.find_groups(session, made, within=within, min_size=1)
            assert found.groups
            for each in found.groups:
                photos = keyword_groups.find_photos(session, made, each.number, within=within)
                assert len(photos) == each.photos
                assert all(photo_id % 7 for photo_id, _ in photos)


def test_groups_within_a_search_result_are_of_its_photos(
    database: Database, planted: NDArray[np.int64]
) -> None:
    with database.read() as session:
        within = '"g0 w0" OR "g1 w0"'
        found = keyword_groups.find_groups(
            session, keyword_groups.make(session, within=within), within=within
        )
    assert found.photos < len(planted)
    assert {group.name.split()[0] for group in found.groups} >= {"g0", "g1"}


def test_empty_catalogue_has_no_groups(database: Database) -> None:
    with database.read() as session:
        made = keyword_groups.make(session)
        found = keyword_groups.find_groups(session, made)
        assert (found.groups, found.photos, found.ungrouped) == ((), 0, 0)
        with pytest.raises(NotFoundError, match="no group 1"):
            keyword_groups.find_photos(session, made, 1)


def test_larger_least_size_leaves_fewer_groups(
    database: Database, planted: NDArray[np.int64]
) -> None:
    with database.read() as session:
        made = keyword_groups.make(session)
        found = keyword_groups.find_groups(session, made, min_size=1000)
    assert found.groups == ()
    assert found.ungrouped == found.photos


def test_groups_asked_for_while_there_are_no_photos_are_made_when_photos_come(
    database: Database,
) -> None:
    with database.read() as session:
        assert kinds.find_keyword_groups(session).groups == ()
    with database.write() as session:
        _store_tags(session)
        _store_photos(session, [n % GROUPS for n in range(300)], first_id=1, seed=1)
    with database.read() as session:
        assert len(kinds.find_keyword_groups(session).groups) == GROUPS


def test_refresh_that_finds_no_groups_forgets_those_that_were_kept(
    database: Database, planted: NDArray[np.int64]
) -> None:
    with database.read() as session:
        assert kinds.find_keyword_groups(session).groups
    with database.write() as session:
        session.execute(delete(PhotoTag))
    with database.read() as session:
        assert kinds.find_keyword_groups(session, refresh=True).groups == ()
    with database.read() as session:
        kept = store.find(session)
    assert kept is not None
    assert kept.groups == ()
