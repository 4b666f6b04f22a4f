"""What is written is read again: by the same catalogue, by a new one, after other programs."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from catalog import query
from catalog.db.database import Database, open_database
from catalog.db.tables import PhotoEvent, Root, Sidecar, SidecarState
from catalog.photos.history import EventKind
from catalog.photos.sidecar_writes import Ending
from tests.support import program_samples, readers
from tests.support.sidecars import NOW, Tree
from worker.metadata import document, editing
from worker.metadata.xmp import Field
from worker.watch import scan, sidecars


@pytest.fixture
def tree(database: Database, tmp_path: Path) -> Tree:
    (tmp_path / "photos").mkdir()
    return Tree(database, tmp_path / "photos")


def read(tree: Tree) -> None:
    """Read all sidecars, as a scan after a change does."""
    with tree.database.read() as session:
        root = session.get_one(Root, tree.root_id)
    found = [scan.stat_file(path) for path in sorted(tree.top.rglob("*.xmp"))]
    sidecars.take_sidecars(tree.database, root, [each for each in found if each is not None])


def keywords(tree: Tree, photo: int) -> dict[str, tuple[str, str | None]]:
    with tree.database.read() as session:
        found = query.get_photo(session, photo).keywords
    return {each.name: (each.source.value, each.decision and each.decision.value) for each in found}


def test_own_write_says_nothing_new(tree: Tree) -> None:
    photo = tree.add()
    tree.decide(photo, "beagle")
    tree.write()
    before = keywords(tree, photo)
    for _ in range(3):  # another host that watches sees it too
        read(tree)
        assert tree.write()[Ending.WRITTEN] == 0

    assert keywords(tree, photo) == before
    with tree.database.read() as session:
        kinds = list(session.scalars(select(PhotoEvent.kind)))
    assert kinds.count(EventKind.METADATA_WRITTEN) == 1
    assert EventKind.METADATA_READ not in kinds


def test_new_catalogue_has_the_decisions_back_and_takes_no_guess_for_truth(
    tree: Tree, tmp_path: Path
) -> None:
    with tree.database.write() as session:
        session.get_one(Root, tree.root_id).sidecars = "0.7"
    photo = tree.add()
    tree.decide(photo, "beagle", reject=("sea",))
    tree.write()
    assert readers.as_digikam({}, tree.fields()) == ["beagle", "dog"]

    with open_database(f"sqlite:///{tmp_path / 'new.db'}", upgrade=True) as opened:
        fresh = Tree(opened, tree.top)
        again = fresh.add()
        read(fresh)
        found = keywords(fresh, again)
    assert (found["beagle"][1], found["sea"][1]) == ("confirmed", "rejected")
    assert found["dog"] == ("clip", None)
    assert "metadata" not in {source for source, _ in found.values()}


def test_word_of_another_program_is_completed_and_stays_theirs(tree: Tree) -> None:
    photo = tree.add()
    tree.decide(photo, "beagle")
    tree.write()
    readers.add_words(tree.top / "IMG.jpg.xmp", "theirs")
    read(tree)
    assert keywords(tree, photo)["theirs"] == ("metadata", None)
    tree.decide(photo, "sand")
    tree.write()
    read(tree)

    assert sorted(readers.as_immich({}, tree.fields())) == ["animal/dog/beagle", "sand", "theirs"]
    assert keywords(tree, photo)["theirs"] == ("metadata", None)
    _drop(tree, "theirs", fields=[Field.SUBJECT])  # a program that knows dc:subject alone
    read(tree)
    assert "theirs" not in keywords(tree, photo)


def test_two_catalogues_of_one_folder_keep_each_others_words(tree: Tree, tmp_path: Path) -> None:
    with open_database(f"sqlite:///{tmp_path / 'other.db'}", upgrade=True) as opened:
        trees = (tree, Tree(opened, tree.top))
        photos = [each.add() for each in trees]
        writes = 0
        for number in range(4):
            here, photo = trees[number % 2], photos[number % 2]
            here.decide(photo, f"word {number}")
            for each in (here, *trees, *trees):  # both watch: they look again and again
                writes += each.write()[Ending.WRITTEN]
                read(each)
        assert sorted(tree.fields()[readers.DC]) == [f"word {number}" for number in range(4)]
        for each, photo in zip(trees, photos, strict=True):
            assert {f"word {number}" for number in range(4)} <= keywords(each, photo).keys()
            assert each.state("IMG.jpg.xmp") in {SidecarState.WRITTEN, SidecarState.DUE}
    assert writes <= 8


def test_words_that_darktable_drops_are_withdrawn_and_not_fought_for(tree: Tree) -> None:
    (tree.top / "IMG.jpg.xmp").write_text(program_samples.darktable(), encoding="utf-8")
    photo = tree.add()
    read(tree)
    tree.decide(photo, "beagle")
    tree.write()
    _drop(tree, "beagle", "animal|dog|beagle", fields=[Field.SUBJECT, Field.HIERARCHY])
    read(tree)

    with tree.database.read() as session:
        assert query.find_ids(session, "is:withdrawn") == [photo]
    assert keywords(tree, photo)["beagle"][1] == "confirmed"
    tree.decide(photo, "sand")
    tree.write()
    assert readers.as_darktable({}, tree.fields()) == [
        "Places|Malm\u00f6",
        "darktable|exported|jpg",
        "Places",
        "sand",
    ]
    assert "beagle" not in str(tree.fields()[readers.TAGS])


def test_contest_over_words_ends_by_itself(tree: Tree) -> None:
    photo = tree.add()
    writes = 0
    for word in ("one", "two", "three", "four"):
        tree.decide(photo, word)
        tree.now += timedelta(minutes=1)
        writes += tree.write()[Ending.WRITTEN]
        _drop(tree, word)
        read(tree)

    assert writes == 2
    assert tree.state("IMG.jpg.xmp") == SidecarState.CONTESTED
    with tree.database.read() as session:
        withdrawn = session.scalars(select(Sidecar.withdrawn)).one()
    assert withdrawn == {"flat": ["one", "two"]}
    assert tree.now > NOW


def _drop(
    tree: Tree,
    *words: str,
    fields: Iterable[Field] = (Field.SUBJECT, Field.HIERARCHY, Field.TAGS_LIST),
) -> None:
    """Take words out of a sidecar, as another program would."""
    path = tree.top / "IMG.jpg.xmp"
    parsed = document.load(path.read_bytes())
    for field in fields:
        editing.remove_values(parsed, field, words)
    path.write_bytes(editing.serialize(parsed, b""))
