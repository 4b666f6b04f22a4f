"""Knows which files are sidecars by their names, and to which photo of the folder each belongs.

`worker.watch` asks for those that it finds, and what writes sidecars for the names of new ones.
Two customs exist: `IMG.jpg.xmp` (darktable, digiKam, Immich) and `IMG.xmp` (Adobe).
"""

from collections.abc import Iterable
from pathlib import PurePath

from worker import extensions

#: In lower case; files may have it in any case.
SUFFIX = ".xmp"


def is_sidecar(name: str) -> bool:
    """Return whether a file is an XMP sidecar by its name."""
    return name[-4:].lower() == SUFFIX and not name.startswith((".", "~"))


def of_photo(photo: str) -> str:
    """Return the name of a photo's new sidecar: "IMG.jpg.xmp" of "IMG.jpg"."""
    return photo + SUFFIX


def mirrored(folder: PurePath, path: PurePath) -> PurePath:
    """Return the place in a folder that stands for an absolute path: all of it, below the folder.

    So `KADR_SIDECAR_DIR` holds the sidecars of all roots, whatever these are called.
    """
    drive = path.drive.replace(":", "").strip("\\/")
    return folder / drive / path.relative_to(path.anchor)


def of_raw(photo: str) -> str:
    """Return the name that Adobe's programs read: "IMG.xmp" of "IMG.cr3"."""
    return PurePath(photo).stem + SUFFIX


class PhotosOfFolder:
    """The photos of one folder, among which the owner of a sidecar is looked for."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_name: dict[str, str] = {}
        self._by_stem: dict[str, list[str]] = {}
        for photo in sorted(name for name in names if extensions.is_photo(name)):
            self._by_name[photo] = photo
            self._by_name.setdefault(_with_lower_suffix(photo), photo)
            self._by_stem.setdefault(PurePath(photo).stem, []).append(photo)

    def owner_of(self, sidecar: str, sidecar_for: str | None = None) -> str | None:
        """Return the name of the photo that a sidecar belongs to; None if that is not certain.

        `IMG.jpg.xmp` belongs to `IMG.jpg`. `IMG.xmp` belongs to the photo of the extension that it
        names itself; if it names none, to the only photo of that stem, or else to the only RAW file
        of it. The case of an extension does not matter.

        Args:
            sidecar: Its name.
            sidecar_for: Its `photoshop:SidecarForExtension`.
        """
        stem = sidecar[: -len(SUFFIX)]
        exact = self._by_name.get(stem) or self._by_name.get(_with_lower_suffix(stem))
        if exact is not None:
            return exact
        candidates = self._by_stem.get(stem, [])
        if sidecar_for:
            candidates = [each for each in candidates if _extension(each) == sidecar_for.lower()]
        if len(candidates) > 1:
            candidates = [each for each in candidates if f".{_extension(each)}" in extensions.RAW]
        return candidates[0] if len(candidates) == 1 else None


def sharing(photo: str) -> frozenset[str]:
    """Return the stems whose sidecars a photo may own, with and without its extension."""
    return frozenset({photo, _with_lower_suffix(photo), PurePath(photo).stem})


def stem_of(sidecar: str) -> str:
    """Return a sidecar's name without `.xmp`, the photo's extension in lower case if it has one."""
    return _with_lower_suffix(sidecar[: -len(SUFFIX)])


def _extension(name: str) -> str:
    return PurePath(name).suffix.lower().lstrip(".")


def _with_lower_suffix(name: str) -> str:
    if not extensions.is_photo(name):
        return name
    stem, _, extension = name.rpartition(".")  # a PurePath takes ten times as long
    return f"{stem}.{extension.lower()}"
