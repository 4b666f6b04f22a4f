"""Decisions become sidecars beside the photos, and nothing else on the disk changes."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from catalog.db.database import Database, open_database
from catalog.db.tables import Sidecar, SidecarState
from catalog.photos import sidecar_policy, status
from catalog.photos.sidecar_writes import Ending
from catalog.tags import decisions, sidecar_words
from tests.support import photos, readers
from tests.support.sidecars import Tree
from tests.support.xmp import bag, sidecar
from worker.metadata import xmp
from worker.metadata.composing import Style
from worker.sidecars import preview as previews


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    with open_database(sqlite_url, upgrade=True) as opened:
        yield opened


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def tree(database: Database, top: Path) -> Tree:
    return Tree(database, top)


def test_decision_becomes_a_sidecar_that_all_programs_read(tree: Tree) -> None:
    photo = tree.add()
    assert tree.write().total == 0
    tree.decide(photo, "beagle")
    assert tree.write()[Ending.WRITTEN] == 1

    found = tree.fields()
    assert found[readers.DC] == ["beagle"]
    assert found[readers.LR] == ["animal|dog|beagle"]
    assert readers.as_immich({}, found) == ["animal/dog/beagle"]
    assert tree.names() == ["IMG.jpg", "IMG.jpg.xmp"]


def test_states_that_are_measured_drain_to_none(tree: Tree) -> None:
    tree.decide(tree.add(), "beagle")
    with tree.database.read() as session:
        assert status.count_sidecars(session) == {"due": 1}
    tree.write()

    with tree.database.read() as session:
        assert status.count_sidecars(session) == {"written": 1}


def test_second_write_leaves_the_file_as_it_is(tree: Tree) -> None:
    photo = tree.add()
    tree.decide(photo, "beagle")
    tree.write()
    before = (tree.top / "IMG.jpg.xmp").stat()
    tree.decide(photo, reject=("never seen",))
    tree.decide(photo, "never seen")
    with tree.database.write() as session:
        decisions.remove(session, [photo], ["never seen"], now=tree.now)

    tally = tree.write()
    assert tally[Ending.UNCHANGED] == 1, tally
    after = (tree.top / "IMG.jpg.xmp").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_rejected_word_that_we_wrote_goes_and_one_of_others_stays(tree: Tree) -> None:
    photo = tree.add()
    (tree.top / "IMG.jpg.xmp").write_bytes(sidecar(bag("dc:subject", "sea")))
    tree.decide(photo, "beagle", "sand")
    tree.write()
    assert tree.fields()[readers.DC] == ["sea", "beagle", "sand"]
    tree.decide(photo, reject=("beagle", "sea"))
    tree.write()

    assert tree.fields()[readers.DC] == ["sea", "sand"]
    assert readers.as_digikam({}, tree.fields()) == ["sand"]


def test_photo_with_only_rejections_gets_no_file(tree: Tree) -> None:
    tree.decide(tree.add(), reject=("dog",))

    assert tree.write()[Ending.NOTHING] == 1
    assert tree.names() == ["IMG.jpg"]


def test_words_of_models_are_written_from_the_confidence_on(database: Database, top: Path) -> None:
    tree = Tree(database, top, "0.7")
    tree.add()
    tree.write()

    assert tree.fields()[readers.DC] == ["dog"]
    marker = xmp.parse((top / "IMG.jpg.xmp").read_bytes()).marker
    assert marker is not None
    assert (marker.proposed, marker.confirmed) == (("dog",), ())


def test_file_that_carries_metadata_seeds_its_sidecar(tree: Tree) -> None:
    packet = photos.xmp(["old"], ["tree|old"])
    data = photos.with_iptc(photos.jpeg_bytes(xmp=packet), ["Größe".encode()])
    tree.decide(tree.add(data=data), "beagle")
    tree.write()

    embedded, found = readers.read_fields(tree.top / "IMG.jpg"), tree.fields()
    assert set(readers.as_digikam(embedded, found)) == {"old", "Größe", "beagle"}
    assert "tree|old" in found[readers.LR]


def test_part_of_extended_xmp_is_not_copied(tree: Tree) -> None:
    note = ' xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="5A"'
    packet = photos.xmp(["old"]).replace(b' rdf:about=""', f' rdf:about=""{note}'.encode())
    tree.decide(tree.add(data=photos.jpeg_bytes(xmp=packet)), "beagle")

    assert tree.write()[Ending.FAILED] == 1
    assert "spread over several parts" in tree.failure()
    assert tree.names() == ["IMG.jpg"]


@pytest.mark.parametrize(
    ("there", "written"),
    [
        (["IMG.JPG.XMP"], "IMG.JPG.XMP"),
        (["IMG.xmp"], "IMG.xmp"),
        ([], "IMG.jpg.xmp"),
        (["OTHER.xmp"], "IMG.jpg.xmp"),
    ],
)
def test_sidecar_that_is_there_is_written_and_never_a_second_one(
    tree: Tree, there: list[str], written: str
) -> None:
    photo = tree.add()
    for name in there:
        (tree.top / name).write_bytes(sidecar(bag("dc:subject", "sea")))
    tree.decide(photo, "beagle")
    tree.write()

    assert set(tree.names()) == {"IMG.jpg", written, *there}
    assert "beagle" in tree.fields(written)[readers.DC]


def test_raw_files_follow_the_names_of_their_folder(tree: Tree) -> None:
    (tree.top / "OLD.NEF").write_bytes(b"raw")
    (tree.top / "OLD.xmp").write_bytes(sidecar())
    raw, jpeg = tree.add("IMG.NEF"), tree.add("IMG.jpg")
    tree.decide(raw, "beagle")
    tree.decide(jpeg, "sea")
    tree.write()

    assert tree.fields("IMG.xmp")[readers.DC] == ["beagle"]
    assert xmp.parse((tree.top / "IMG.xmp").read_bytes()).sidecar_for == "NEF"
    assert tree.fields("IMG.jpg.xmp")[readers.DC] == ["sea"]


def test_setting_names_sidecars_of_raw_files_as_adobe_does(tree: Tree) -> None:
    tree.decide(tree.add("a/IMG.CR3"), "beagle")
    tree.decide(tree.add("a/IMG.jpg"), "beagle")
    tree.write(names="adobe")

    assert tree.names() == ["a/IMG.CR3", "a/IMG.jpg", "a/IMG.jpg.xmp", "a/IMG.xmp"]


def test_photos_of_one_name_in_two_folders_have_each_their_own(tree: Tree) -> None:
    tree.decide(tree.add("a/IMG.jpg"), "beagle")
    tree.decide(tree.add("b/IMG.jpg"), "sand")
    tree.write()

    assert tree.fields("a/IMG.jpg.xmp")[readers.DC] == ["beagle"]
    assert tree.fields("b/IMG.jpg.xmp")[readers.DC] == ["sand"]


def test_withdrawing_leaves_the_folder_as_it_was(tree: Tree) -> None:
    first, second = tree.add(), tree.add("b.jpg")
    foreign = sidecar(bag("dc:subject", "sea") + "<xmp:Rating>3</xmp:Rating>")
    (tree.top / "b.jpg.xmp").write_bytes(foreign)
    for photo in (first, second):
        tree.decide(photo, "beagle")
    tree.write()
    tally = tree.writer().withdraw_all()

    assert (tally[Ending.DELETED], tally[Ending.WRITTEN]) == (1, 1)
    assert tree.names() == ["IMG.jpg", "b.jpg", "b.jpg.xmp"]
    found = tree.fields("b.jpg.xmp")
    assert {key: value for key, value in found.items() if key.startswith("Xmp.")} == {
        "Xmp.dc.subject": ["sea"],
        "Xmp.xmp.Rating": ["3"],
    }
    assert tree.writer().withdraw_all().total == 0


def test_withdrawing_keeps_a_file_that_another_program_changed(tree: Tree) -> None:
    tree.decide(tree.add(), "beagle")
    tree.write()
    readers.add_words(tree.top / "IMG.jpg.xmp", "theirs")
    tree.writer().withdraw_all()

    assert tree.fields()[readers.DC] == ["theirs"]
    assert not [key for key in tree.fields() if "kadr" in key]


def test_withdrawing_keeps_a_file_that_another_program_changed_before_our_last_write(
    tree: Tree,
) -> None:
    photo = tree.add()
    tree.decide(photo, "beagle")
    tree.write()
    readers.add_words(tree.top / "IMG.jpg.xmp", "theirs")
    with tree.database.write() as session:  # the catalogue has read it
        digest = hashlib.sha256((tree.top / "IMG.jpg.xmp").read_bytes()).digest()
        session.execute(update(Sidecar).values(sha256=digest))
    tree.decide(photo, "sand")
    tree.write()
    tree.writer().withdraw_all()

    assert tree.fields()[readers.DC] == ["theirs"]


def test_our_marker_survives_another_program(tree: Tree) -> None:
    photo = tree.add()
    tree.decide(photo, "beagle", "sand")
    tree.write()
    readers.add_words(tree.top / "IMG.jpg.xmp", "theirs")
    tree.decide(photo, reject=("sand",))
    tree.write()

    assert sorted(tree.fields()[readers.DC]) == ["beagle", "theirs"]
    assert sorted(readers.as_digikam({}, tree.fields())) == ["beagle", "theirs"]


def test_change_that_was_not_read_yet_is_read_after_the_write(tree: Tree) -> None:
    photo = tree.add()
    tree.decide(photo, "beagle")
    tree.write()
    with tree.database.read() as session:
        row = session.scalars(select(Sidecar)).one()
        digest, stat = row.wrote_sha256, row.mtime_ns
    assert digest == hashlib.sha256((tree.top / "IMG.jpg.xmp").read_bytes()).digest()
    readers.add_words(tree.top / "IMG.jpg.xmp", "theirs")
    tree.decide(photo, "sand")
    tree.write()

    with tree.database.read() as session:
        row = session.scalars(select(Sidecar)).one()
    assert (row.wrote_sha256, row.mtime_ns) == (digest, stat)
    assert (row.wrote or {})["flat"] == ["beagle", "sand"]


@pytest.mark.parametrize("data", [b"<!DOCTYPE x>" + sidecar(), b"<broken", b"\xff" * 99])
def test_file_that_must_not_be_written_is_left_and_said(tree: Tree, data: bytes) -> None:
    photo = tree.add()
    (tree.top / "IMG.jpg.xmp").write_bytes(data)
    tree.decide(photo, "beagle")

    assert tree.write()[Ending.FAILED] == 1
    assert (tree.top / "IMG.jpg.xmp").read_bytes() == data
    assert tree.state("IMG.jpg.xmp") == SidecarState.FAILED
    assert "let its program write it anew" in tree.failure()


def test_full_disk_is_tried_again(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.decide(tree.add(), "beagle")

    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    assert tree.write()[Ending.FAILED] == 1
    assert "make room, and it is tried again" in tree.failure()
    assert tree.names() == ["IMG.jpg"]
    monkeypatch.undo()
    tree.now += timedelta(hours=2)
    tree.writer().sweep()
    assert tree.write()[Ending.WRITTEN] == 1


def test_disk_that_is_away_is_no_fault_of_the_sidecar(tree: Tree) -> None:
    tree.decide(tree.add(), "beagle")
    tree.top.rename(tree.top.with_name("away"))

    assert tree.write()[Ending.FAILED] == 1
    assert "mount its disk, and it is tried again" in tree.failure()


@pytest.mark.slow
@pytest.mark.parametrize("step", ["write", "fsync", "link", "replace", "flush_folder", "record"])
def test_writer_killed_at_any_step_leaves_the_old_file_or_the_new(tree: Tree, step: str) -> None:
    photo = tree.add()
    path = tree.top / "IMG.jpg.xmp"
    if step == "replace":
        path.write_bytes(sidecar(bag("dc:subject", "sea")))
    before = path.read_bytes() if path.exists() else None
    tree.decide(photo, "beagle")
    url = str(tree.database.engine.url)
    died = subprocess.run([sys.executable, "-c", _KILLED, url, step], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL

    now = path.read_bytes() if path.exists() else None
    assert now == before or b"beagle" in (now or b"")
    tree.now += timedelta(minutes=5)
    tree.writer().sweep()
    tree.write()
    assert "beagle" in tree.fields()[readers.DC]
    assert tree.names() == ["IMG.jpg", "IMG.jpg.xmp"]
    assert tree.state("IMG.jpg.xmp") == SidecarState.WRITTEN


_KILLED = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from catalog.db.database import open_database
from catalog.photos import sidecar_writes
from worker.sidecars import disk
from worker.sidecars.writer import Writer

def die(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)

match sys.argv[2]:
    case "write":
        disk._take_over = disk._write = die
    case "replace":
        Path.replace = die
    case "flush_folder":
        disk.flush_folder = die
    case "record":
        sidecar_writes.record = die
    case name:
        setattr(os, name, die)
now = datetime(2026, 5, 1, 12, 0, 10, tzinfo=UTC)
Writer(open_database(sys.argv[1], upgrade=False), clock=lambda: now).write_batch()
"""


def test_read_only_photos_are_never_opened_for_writing(tree: Tree) -> None:
    names = ["a.jpg", "b/c.jpg", "b/d.jpg"]
    ids = [tree.add(name) for name in names]
    digests = {name: hashlib.sha256((tree.top / name).read_bytes()).digest() for name in names}
    stats = {}
    for name in names:
        (tree.top / name).chmod(0o444)
        stats[name] = (tree.top / name).stat()
    for photo in ids:
        tree.decide(photo, "beagle")
    assert tree.write()[Ending.WRITTEN] == 3
    tree.writer().withdraw_all()

    for name in names:
        path = tree.top / name
        assert hashlib.sha256(path.read_bytes()).digest() == digests[name]
        assert path.stat().st_mtime_ns == stats[name].st_mtime_ns
        assert path.stat().st_ctime_ns == stats[name].st_ctime_ns


def test_folder_of_its_own_holds_the_sidecars_of_read_only_photos(
    tree: Tree, tmp_path: Path
) -> None:
    tree.decide(tree.add("a/IMG.jpg", photos.jpeg_bytes(xmp=photos.xmp(["old"]))), "beagle")
    tree.write(folder=tmp_path / "sidecars")

    assert tree.names() == ["a/IMG.jpg"]
    written = tmp_path / "sidecars" / tree.top.relative_to("/") / "a/IMG.jpg.xmp"
    assert readers.read_fields(written)[readers.DC] == ["beagle"]  # it hides nothing from anybody
    [shown] = previews.compare(tree.writer(folder=tmp_path / "sidecars"), 1)
    assert (shown.path, shown.written) == (written, ("beagle",))
    tree.writer(folder=tmp_path / "sidecars").withdraw_all()
    assert not written.exists()


def test_sidecars_that_are_there_stay_as_they_are_where_a_folder_holds_kadrs(
    tree: Tree, tmp_path: Path
) -> None:
    theirs = sidecar(bag("dc:subject", "sea"))
    (tree.top / "IMG.jpg.xmp").write_bytes(theirs)
    photo = tree.add()
    tree.decide(photo, "beagle")
    folder = tmp_path / "sidecars"
    assert [each.path for each in previews.preview(tree.writer(folder=folder), None)] == [
        folder / tree.top.relative_to("/") / "IMG.jpg.xmp"
    ]
    tree.write(folder=folder)
    tree.decide(photo, "sand")
    assert tree.write(folder=folder)[Ending.WRITTEN] == 1

    assert (tree.top / "IMG.jpg.xmp").read_bytes() == theirs
    written = folder / tree.top.relative_to("/") / "IMG.jpg.xmp"
    assert readers.read_fields(written)[readers.DC] == ["beagle", "sand"]


def test_style_of_the_settings_is_that_of_the_file(tree: Tree) -> None:
    tree.decide(tree.add(), "beagle")
    tree.write(style=Style("Kadr", with_broader=True))

    assert tree.fields()[readers.DC] == ["beagle", "animal", "dog"]
    assert tree.fields()[readers.TAGS] == ["Kadr/animal/dog/beagle"]


def test_preview_says_what_a_write_would_do_and_does_nothing(tree: Tree) -> None:
    first, second = tree.add(), tree.add("b.jpg")
    tree.decide(first, "beagle")
    tree.write()
    tree.decide(first, "sand", reject=("beagle",))
    tree.decide(second, "sea")
    (tree.top / "b.jpg.xmp").write_bytes(b"<broken")
    with tree.database.read() as session:
        before = session.execute(select(Sidecar.path, Sidecar.state)).all()
    found = {each.path.name: each for each in previews.preview(tree.writer(), None)}

    ours = found["IMG.jpg.xmp"]
    assert (ours.added, ours.removed, ours.is_new) == (("sand",), ("beagle",), False)
    assert "not well-formed" in (found["b.jpg.xmp"].failure or "")
    with tree.database.read() as session:
        assert session.execute(select(Sidecar.path, Sidecar.state)).all() == before


def test_comparison_shows_three_sides(tree: Tree) -> None:
    photo = tree.add()
    tree.decide(photo, "beagle")
    tree.write()
    readers.add_words(tree.top / "IMG.jpg.xmp", "theirs")
    tree.decide(photo, "sand")
    (found,) = previews.compare(tree.writer(), photo)

    assert found.base == ("beagle",)
    assert [path[-1] for path in found.ours.confirmed] == ["beagle", "sand"]
    assert (found.theirs, found.written) == (("theirs",), ("beagle",))


def test_turning_the_policy_off_takes_the_words_out_with_the_next_write(tree: Tree) -> None:
    photo = tree.add()
    tree.decide(photo, "beagle")
    tree.write()
    with tree.database.write() as session:
        sidecar_policy.set_policy(session, str(tree.top), sidecar_policy.parse("off"))
        assert sidecar_words.mark_all_due(session, now=tree.now) == 0
    tree.decide(photo, "sand")

    assert tree.write().total == 0
    assert tree.fields()[readers.DC] == ["beagle"]
