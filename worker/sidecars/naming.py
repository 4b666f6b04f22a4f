"""Chooses the file that is a photo's sidecar: one that is there, or the name of a new one.

`writer` keeps one `Folders` for a batch, so that a folder of 10,000 photos is listed once.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from worker import extensions
from worker.errors import SidecarError
from worker.metadata import sidecar_names, xmp
from worker.metadata.sidecar_names import PhotosOfFolder
from worker.sidecars import disk

ADOBE = "adobe"


@dataclass(slots=True)
class _Folder:
    photos: list[str]
    owners: PhotosOfFolder
    sidecars: set[str] = field(default_factory=set)
    by_stem: dict[str, list[str]] = field(default_factory=dict)
    leftovers: list[str] = field(default_factory=list)

    def add(self, sidecar: str) -> None:
        if sidecar not in self.sidecars:
            self.sidecars.add(sidecar)
            self.by_stem.setdefault(sidecar_names.stem_of(sidecar), []).append(sidecar)


@dataclass(slots=True)
class Folders:
    """The names in some folders, as they were when each was first asked for."""

    #: `adobe` names new sidecars of RAW files `IMG.xmp` in every folder.
    custom: str = "auto"
    _known: dict[Path, _Folder] = field(default_factory=dict)

    def find_existing(self, photo: Path) -> list[str]:
        """Return the names of the sidecars that are there and belong to a photo."""
        here = self._of(photo.parent)
        stems = sidecar_names.sharing(photo.name)
        names = {name for stem in stems for name in here.by_stem.get(stem, ())}
        return sorted(name for name in names if self._owner(photo.parent, name) == photo.name)

    def new_name(self, photo: Path) -> str:
        """Return the name of a photo's new sidecar: `IMG.jpg.xmp`, or Adobe's `IMG.xmp` for RAW.

        A RAW file's is named as Adobe does where the setting wants it, or where other RAW files of
        the folder have such sidecars.
        """
        name = sidecar_names.of_photo(photo.name)
        if photo.suffix.lower() not in extensions.RAW or photo.suffix.lower() == ".dng":
            return name
        adobe = sidecar_names.of_raw(photo.name)
        if adobe in self._of(photo.parent).sidecars:  # another photo's
            return name
        return adobe if self.custom == ADOBE or self._has_adobe(photo.parent) else name

    def leftovers(self, folder: Path) -> list[str]:
        """Return the names of sidecars in a folder that a writer had not finished."""
        return self._of(folder).leftovers

    def add(self, path: Path) -> None:
        """Note a sidecar that was written."""
        self._of(path.parent).add(path.name)

    def _has_adobe(self, folder: Path) -> bool:
        here = self._of(folder)
        raw = (name for name in here.photos if Path(name).suffix.lower() in extensions.RAW)
        return any(sidecar_names.of_raw(name) in here.sidecars for name in raw)

    def _owner(self, folder: Path, name: str) -> str | None:
        owners = self._of(folder).owners
        owner = owners.owner_of(name)
        try:
            found = disk.read(folder / name)
        except SidecarError:
            return owner
        return owner if found is None else owners.owner_of(name, xmp.parse(found.data).sidecar_for)

    def _of(self, folder: Path) -> _Folder:
        if folder not in self._known:
            try:
                names = os.listdir(folder)  # noqa: PTH208 - names are all that is needed
            except OSError:
                names = []
            photos = [name for name in names if extensions.is_photo(name)]
            self._known[folder] = here = _Folder(photos, PhotosOfFolder(photos))
            here.leftovers = [name for name in names if disk.is_leftover(name)]
            for name in filter(sidecar_names.is_sidecar, names):
                here.add(name)
        return self._known[folder]
