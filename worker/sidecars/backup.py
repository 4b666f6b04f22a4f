"""Keeps copies of sidecars before keywords of other programs are taken out of them.

`writer` keeps them; `kadr metadata restore` puts them back. A backup is a folder with a copy of
each file, which mirrors their paths, and a list of what was written in their place.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from catalog import paths
from worker.errors import SidecarError
from worker.metadata import sidecar_names
from worker.sidecars import disk
from worker.sidecars.disk import Content

_LIST = "written.jsonl"


@dataclass(frozen=True, slots=True)
class Copy:
    """A sidecar in a backup."""

    #: Stored paths: the root's name, and below it the sidecar's.
    root_name: str
    path: str
    #: Where it lay, and what it held.
    target: Path
    data: bytes
    #: sha256 of what was written in its place.
    written: bytes


@dataclass(frozen=True, slots=True)
class Backup:
    """A folder of copies, made when the first is kept; nothing else may be in it."""

    folder: Path

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is in the folder, or it does not exist yet."""
        return not self.folder.exists() or not any(self.folder.iterdir())

    def keep(self, root_name: str, path: str, target: Path, before: bytes, after: bytes) -> None:
        """Keep what a sidecar holds before other bytes are written.

        Raises:
            SidecarError: It cannot be kept; nothing may be written.
        """
        line = {
            "root": root_name,
            "path": path,
            "file": paths.to_text(target),
            "written": hashlib.sha256(after).hexdigest(),
        }
        copy = self._place(target)
        disk.keep_copy(copy, before, self.folder / _LIST, json.dumps(line))

    def list(self) -> list[Copy]:
        """Return the copies, in the order in which they were kept.

        Raises:
            SidecarError: The folder is not a backup, or a copy cannot be read.
        """
        try:
            text = (self.folder / _LIST).read_text(encoding="utf-8")
            lines = [json.loads(line) for line in text.splitlines()]
            written = {(line["root"], line["path"]): line for line in lines}
            return [
                Copy(
                    *place,
                    paths.from_text(line["file"]),
                    self._place(paths.from_text(line["file"])).read_bytes(),
                    bytes.fromhex(line["written"]),
                )
                for place, line in written.items()
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            shown = paths.printable(paths.to_text(self.folder))
            raise SidecarError(
                f"{shown}: not a backup of sidecars ({getattr(error, 'strerror', None) or error}); "
                "name the folder that `kadr metadata write --remove-rejected` printed"
            ) from error

    def _place(self, target: Path) -> Path:
        return Path(sidecar_names.mirrored(self.folder, target))


def restore(copy: Copy) -> bool:
    """Put a sidecar back as it was; return False if it was changed since, which is left alone.

    Raises:
        SidecarError: It cannot be written.
    """

    def make(found: Content | None) -> bytes | None:
        return copy.data if found is not None and found.sha256 == copy.written else None

    return disk.change(copy.target, make) is not None
