"""Keeps small pictures in a folder, by content: `thumbs/ab/cd/<sha256>-360.webp`.

The folder is a cache: it may be deleted at any time, and several processes may share it.
"""

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from catalog.web.services import ThumbKey

#: A picture that is shown gets a new time at most so often: times say what was used last.
_TOUCH_EVERY_S = 24 * 3600.0
#: Making room goes on until so much of the limit is taken.
_FULL, _ROOMY = 1.0, 0.9
_LOOK_EVERY_S = 1800.0
DEFAULT_MAX_BYTES = 20_000_000_000


@dataclass(frozen=True, slots=True)
class ThumbStore:
    """A folder of small pictures, which may take `max_bytes` of the disk."""

    folder: Path
    max_bytes: int = DEFAULT_MAX_BYTES

    def find(self, key: ThumbKey) -> bytes | None:
        """Return a picture if it is kept, and note that it was used."""
        path = self.path_of(key)
        try:
            with path.open("rb") as file:
                content = file.read()
                if time.time() - os.fstat(file.fileno()).st_mtime > _TOUCH_EVERY_S:
                    os.utime(path)
        except OSError:
            return None
        return content or None

    def has(self, key: ThumbKey) -> bool:
        """Return whether a picture is kept."""
        return self.path_of(key).exists()

    def keep(self, key: ThumbKey, content: bytes) -> None:
        """Keep a picture; readers see all of it or nothing.

        A disk that is full or read-only keeps nothing: pictures are then made for each request.
        """
        path = self.path_of(key)
        begun = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            begun.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                begun.unlink(missing_ok=True)

    @contextmanager
    def making_room(self, *, at_once: bool = False) -> Iterator[None]:
        """Make room every half hour, in a thread, until the block ends."""
        over = threading.Event()

        def repeat() -> None:
            if at_once:
                self.make_room()
            while not over.wait(_LOOK_EVERY_S):
                self.make_room()

        thread = threading.Thread(target=repeat, name="thumbs", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def make_room(self) -> int:
        """Delete the pictures that were used longest ago; return how many.

        Nothing happens while all of them together are smaller than `max_bytes`.
        """
        max_bytes = self.max_bytes
        found = sorted(self._files())
        total = sum(size for _, size, _ in found)
        if total <= _FULL * max_bytes:
            return 0
        deleted = 0
        for _, size, path in found:
            if total <= _ROOMY * max_bytes:
                break
            with contextlib.suppress(OSError):
                Path(path).unlink()
                deleted += 1
            total -= size
        return deleted

    def _files(self) -> list[tuple[float, int, str]]:
        """Return (time of last use, bytes, path) of every picture."""
        found: list[tuple[float, int, str]] = []
        left = [str(self.folder)]
        while left:
            with contextlib.suppress(OSError), os.scandir(left.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    else:
                        stat = entry.stat(follow_symlinks=False)
                        found.append((stat.st_mtime, stat.st_size, entry.path))
        return found

    def path_of(self, key: ThumbKey) -> Path:
        """Return where a picture is or would be kept."""
        folder = self.folder / key.sha256[:2] / key.sha256[2:4]
        return folder / f"{key.sha256}-{key.size}.{key.format}"
