"""Reads, replaces and deletes sidecars so that each is whole at any moment: the old or the new.

`writer` calls it. A new file is written beside the old one, flushed to the disk, and renamed over
it if nobody changed the old one meanwhile.
"""

import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from catalog import paths
from catalog.paths import FileStat
from worker.errors import SidecarError
from worker.metadata import document, sidecar_names

#: Tries while another program changes the file.
_TRIES = 3
_RETRIED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EIO}
_RETRIED |= {errno.EBUSY, errno.ESTALE, errno.ENOENT, errno.ENOTDIR}
_LEFTOVER = re.compile(r"\..+\.[xX][mM][pP]\.[0-9a-f]{8}\.tmp")
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Content:
    """A sidecar's bytes."""

    data: bytes

    @property
    def sha256(self) -> bytes:
        """The digest of the bytes."""
        return hashlib.sha256(self.data).digest()


@dataclass(frozen=True, slots=True)
class Replaced:
    """A file that was written."""

    before: Content | None
    after: Content
    stat: FileStat


def read(path: Path) -> Content | None:
    """Return what a file holds, at most one byte more than is ever read; None if there is none.

    Raises:
        SidecarError: It cannot be read.
    """
    with _explained(path):
        try:
            descriptor = os.open(path, _OPEN)
        except FileNotFoundError:
            return None
        with open(descriptor, "rb") as file:  # noqa: PTH123 - from a descriptor
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SidecarError(f"{_shown(path)}: is not a file; rename it or take it away")
            return Content(file.read(document.MAX_BYTES + 1))


def resolve(path: Path, top: Path) -> Path:
    """Return the file that is to be written: where a symbolic link leads, inside the root.

    Raises:
        SidecarError: The link leads out of the root, or nowhere.
    """
    if not os.path.islink(path):  # noqa: PTH114 - Path.is_link raises without permission
        return path
    real, inside = os.path.realpath(path), os.path.realpath(top)
    if os.path.commonpath([real, inside]) != inside or not os.path.exists(real):  # noqa: PTH110
        raise SidecarError(
            f"{_shown(path)}: is a symbolic link that leads out of the folder; "
            "put the file itself there"
        )
    return Path(real)


def change(
    path: Path, make: Callable[[Content | None], bytes | None], *, break_links: bool = False
) -> Replaced | None:
    """Replace a file by what `make` makes of its content; return None where that is None.

    `make` is called again if another program changed the file meanwhile, at most three times.

    Args:
        path: The file, which need not exist.
        make: Returns the new bytes of the content, which is None for a file that does not exist.
        break_links: Whether a file with several names is written under this name alone.

    Raises:
        SidecarError: It cannot be written, is linked, or changes again and again.
    """
    _require_sidecar(path)
    for _ in range(_TRIES):
        before = read(path)
        made = make(before)
        if made is None:
            return None
        with _explained(path):
            if done := _replace(path, before, Content(made), break_links=break_links):
                return done
    raise SidecarError(
        f"{_shown(path)}: another program is writing it; it is tried again", is_retried=True
    )


def delete(path: Path, sha256: bytes) -> bool:
    """Delete a file if it holds what it should; return whether it did.

    Raises:
        SidecarError: It cannot be deleted.
    """
    _require_sidecar(path)
    with _explained(path):
        found = read(path)
        if found is None or found.sha256 != sha256 or os.path.islink(path):  # noqa: PTH114
            return False
        path.unlink()
        flush_folder(path.parent)
        return True


def is_leftover(name: str) -> bool:
    """Return whether a file, by its name, is a sidecar that a writer had not finished."""
    return _LEFTOVER.fullmatch(name) is not None


def prepare(path: Path, leftovers: Iterable[str] = ()) -> int:
    """Make the folder of a sidecar, and delete what writers that died left beside the sidecar.

    Only the holder of the sidecar's lease may call it: no other writer is at work then.

    Args:
        path: The sidecar.
        leftovers: The names in its folder for which `is_leftover` is true.

    Returns:
        How many files were deleted.

    Raises:
        SidecarError: The folder cannot be made.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    own = [name for name in leftovers if name.startswith(f".{path.name}.")]
    for name in own:
        with suppress(OSError):
            path.with_name(name).unlink(missing_ok=True)
    return len(own)


def keep_copy(path: Path, data: bytes, listed_in: Path, line: str) -> None:
    """Write a copy of a sidecar into a backup, and a line into the backup's list.

    Raises:
        SidecarError: It cannot be written.
    """
    _require_sidecar(path)
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        with listed_in.open("a", encoding="utf-8") as lines:
            lines.write(line + "\n")


def flush_folder(folder: Path) -> None:
    """Have the disk keep the names in a folder; systems without that do it by themselves."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _require_sidecar(path: Path) -> None:
    """Raise `SidecarError` for a file that is no sidecar by its name: a link may lead there."""
    if path.suffix.lower() != sidecar_names.SUFFIX:
        raise SidecarError(
            f"{_shown(path)}: is not a sidecar, and Kadr writes nothing else; "
            "put a sidecar where the link is"
        )


def _replace(
    path: Path, before: Content | None, after: Content, *, break_links: bool
) -> Replaced | None:
    """Write the new content beside the old one and rename it; None if the old one changed."""
    old = None if before is None else path.stat()
    if old is not None and old.st_nlink > 1 and not break_links:
        raise SidecarError(
            f"{_shown(path)}: the file has {old.st_nlink} names (hard links), of which only this "
            "one would change; make it a file of its own, or run "
            "`kadr metadata write --break-links`"
        )
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write(beside, after.data, old)
        if before is None:
            _put(beside, path)
        else:
            now = read(path)
            if now is None or now.sha256 != before.sha256:
                return None
            beside.replace(path)
    except FileExistsError:
        return None
    finally:
        beside.unlink(missing_ok=True)
    flush_folder(path.parent)
    done = path.stat()
    seen = FileStat(done.st_size, done.st_mtime_ns, done.st_ctime_ns)
    return Replaced(before, after, seen)


def _write(path: Path, data: bytes, old: os.stat_result | None) -> None:
    with open(os.open(path, _CREATE, 0o666), "wb") as file:  # noqa: PTH123 - only a new file
        file.write(data)
        if old is not None:
            _take_over(file.fileno(), old)
        file.flush()
        os.fsync(file.fileno())


def _take_over(descriptor: int, old: os.stat_result) -> None:
    """Copy the mode of the file that is replaced, and its owner where that is allowed."""
    if not hasattr(os, "fchmod"):
        return
    with suppress(PermissionError):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _put(beside: Path, path: Path) -> None:
    """Move a new file to its name unless another program made one there: FileExistsError then.

    A file system without hard links is asked first, which leaves a moment between.
    """
    try:
        os.link(beside, path)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "is there", str(path)) from None
        beside.replace(path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        fact = (error.strerror or str(error)).lower()
        raise SidecarError(
            f"{_shown(path)}: {fact}; {_advice(error.errno)}",
            is_retried=error.errno in _RETRIED,
        ) from error


def _advice(number: int | None) -> str:
    match number:
        case errno.ENOSPC | errno.EDQUOT:
            return "make room, and it is tried again"
        case errno.EROFS:
            return "it is tried again; KADR_SIDECAR_DIR names another place for sidecars"
        case errno.EACCES | errno.EPERM:
            return "give Kadr write access to the folder, and it is tried again"
        case errno.ENOENT | errno.ENOTDIR | errno.EIO | errno.ESTALE | errno.EBUSY:
            return "check the disk; it is tried again"
        case _:
            return "it is left alone"


def _shown(path: Path) -> str:
    return paths.printable(paths.to_text(path))
