"""A sidecar is whole at any moment: the old file or the new one, whatever fails and when."""

import errno
import os
import stat
from pathlib import Path

import pytest

from worker.errors import SidecarError
from worker.sidecars import disk
from worker.sidecars.disk import Content


def write(path: Path, data: bytes = b"new", **options: bool) -> disk.Replaced | None:
    return disk.change(path, lambda _before: data, **options)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_new_file_is_made_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "IMG.jpg.xmp"
    done = write(path, b"one")
    assert done is not None
    assert done.before is None
    assert done.stat.size_bytes == 3
    path.chmod(0o640)
    write(path, b"two")

    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert leftovers(tmp_path) == []


def test_nothing_to_change_touches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "IMG.jpg.xmp"
    path.write_bytes(b"old")
    before = path.stat()

    assert disk.change(path, lambda _: None) is None
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("step", ["write", "fsync", "replace", "link"])
@pytest.mark.parametrize("is_there", [True, False])
def test_failing_step_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, *, is_there: bool
) -> None:
    path = tmp_path / "IMG.jpg.xmp"
    if is_there:
        path.write_bytes(b"old")

    def fail(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    match step:
        case "write":
            monkeypatch.setattr(os, "open", fail)
        case "replace":
            monkeypatch.setattr(Path, "replace", fail)
            monkeypatch.setattr(os, "link", fail)
        case _:
            monkeypatch.setattr(os, step, fail)
    if step == "link":  # a file system without hard links
        write(path)
        assert path.read_bytes() == b"new"
    else:
        with pytest.raises(SidecarError, match="make room, and it is tried again") as caught:
            write(path)
        assert caught.value.is_retried
        monkeypatch.undo()
        assert (path.read_bytes() if path.exists() else None) == (b"old" if is_there else None)
    monkeypatch.undo()
    assert leftovers(tmp_path) == []


def test_change_of_another_program_meanwhile_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "IMG.jpg.xmp"
    path.write_bytes(b"old")
    seen: list[bytes] = []

    def make(found: Content | None) -> bytes:
        assert found is not None
        seen.append(found.data)
        if len(seen) == 1:
            path.write_bytes(b"others")
        return found.data + b" and ours"

    disk.change(path, make)
    assert seen == [b"old", b"others"]
    assert path.read_bytes() == b"others and ours"


def test_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "IMG.jpg.xmp"
    tries: list[bytes | None] = []

    def make(found: Content | None) -> bytes:
        tries.append(None if found is None else found.data)
        if found is None:
            path.write_bytes(b"others")
        return b"ours"

    disk.change(path, make)
    assert tries == [None, b"others"]


def test_file_that_changes_again_and_again_is_left_for_later(tmp_path: Path) -> None:
    path = tmp_path / "IMG.jpg.xmp"
    path.write_bytes(b"0")

    def make(found: Content | None) -> bytes:
        assert found is not None
        path.write_bytes(found.data + b"1")
        return b"ours"

    with pytest.raises(SidecarError, match="another program is writing it"):
        disk.change(path, make)
    assert path.read_bytes() == b"0111"
    assert leftovers(tmp_path) == []


def test_what_a_killed_writer_left_is_deleted_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "IMG.jpg.xmp"
    (tmp_path / ".IMG.jpg.xmp.0badcafe.tmp").write_bytes(b"half")
    (tmp_path / ".IMG_2.jpg.xmp.0badcafe.tmp").write_bytes(b"another's")

    names = [file.name for file in tmp_path.iterdir() if disk.is_leftover(file.name)]
    assert disk.prepare(path, names) == 1
    assert leftovers(tmp_path) == [".IMG_2.jpg.xmp.0badcafe.tmp"]


def test_links_are_followed_inside_the_root_alone(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside.xmp"
    (root / "meta").mkdir(parents=True)
    (root / "meta" / "a.xmp").write_bytes(b"old")
    outside.write_bytes(b"old")
    (root / "a.jpg.xmp").symlink_to("meta/a.xmp")
    (root / "b.jpg.xmp").symlink_to(outside)

    assert disk.resolve(root / "a.jpg.xmp", root) == root / "meta" / "a.xmp"
    with pytest.raises(SidecarError, match="leads out of the folder"):
        disk.resolve(root / "b.jpg.xmp", root)


def test_nothing_but_a_sidecar_is_ever_written_or_deleted(tmp_path: Path) -> None:
    photo = tmp_path / "IMG.jpg"
    photo.write_bytes(b"photo")
    (tmp_path / "IMG.jpg.xmp").symlink_to(photo)
    target = disk.resolve(tmp_path / "IMG.jpg.xmp", tmp_path)

    for attempt in (lambda: write(target), lambda: disk.delete(target, Content(b"photo").sha256)):
        with pytest.raises(SidecarError, match="is not a sidecar"):
            attempt()
    assert photo.read_bytes() == b"photo"


def test_file_with_two_names_is_written_only_where_that_is_wanted(tmp_path: Path) -> None:
    path, other = tmp_path / "IMG.jpg.xmp", tmp_path / "backup.xmp"
    path.write_bytes(b"old")
    os.link(path, other)

    with pytest.raises(SidecarError, match="has 2 names"):
        write(path)
    write(path, break_links=True)
    assert (path.read_bytes(), other.read_bytes()) == (b"new", b"old")


def test_only_a_file_that_nobody_changed_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "IMG.jpg.xmp"
    path.write_bytes(b"ours")
    digest = Content(b"ours").sha256

    assert not disk.delete(path, Content(b"other").sha256)
    assert disk.delete(path, digest)
    assert not disk.delete(path, digest)
