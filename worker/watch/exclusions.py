"""Decides which folders and files of a root are left out, and why.

`scan` asks for every entry that it meets, `events` for every path that the system names. A photo
that is moved to where it is left out is deleted, as far as the catalogue is concerned.
"""

import enum
import os
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath

from pathspec import GitIgnoreSpec

from worker.settings import Settings


class Reason(enum.StrEnum):
    """Why a folder or file is left out, as `kadr doctor` shows it."""

    HIDDEN = "hidden"
    TRASH = "trash"
    SNAPSHOTS = "snapshots and old versions"
    CACHES = "caches and previews"
    MARKED = ".nomedia or .noimage"
    IGNORED = ".kadrignore"
    EXCLUDED = "KADR_EXCLUDE"
    SIDECARS = "KADR_SIDECAR_DIR"


#: Names of folders in lower case, as NAS systems, operating systems and synchronisers make them.
_NAMES = {
    Reason.TRASH: frozenset(
        {"#recycle", "@recycle", "$recycle.bin", "recycler", "recycled", "@sharebin"}
        | {"files_trashbin", "lost+found", "found.000", ".trash", ".trashes", ".recycle"}
    ),
    Reason.SNAPSHOTS: frozenset(
        {"@recently-snapshot", "#snapshot", "@snapshot", "@snapshots", "~snapshot"}
        | {"files_versions", ".stversions", ".snapshot", ".snapshots", ".zfs"}
    ),
    Reason.CACHES: frozenset(
        {"@eadir", "@__thumb", "@transcode", "@tmp", "@synoresource", "__macosx"}
        | {"system volume information", ".thumbnails", ".@__thumb", ".picasaoriginals"}
    ),
}
#: Endings of folders in which Lightroom keeps previews.
_PREVIEWS = (".lrdata", ".lrcat-data")
#: Libraries of Apple's programs: only their originals are a person's photos.
_LIBRARIES = (".photoslibrary", ".photolibrary", ".aplibrary", ".migratedphotolibrary")
_ORIGINALS = frozenset({"originals", "masters"})
_MARKERS = (".nomedia", ".noimage")
IGNORE_FILE = ".kadrignore"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a person wants of the scans of all roots."""

    #: What is left out everywhere: patterns in git's syntax, relative to each root.
    patterns: tuple[str, ...] = ()
    #: The folder that holds the sidecars which Kadr writes; None if they lie beside the photos.
    sidecar_dir: Path | None = None

    @classmethod
    def of_settings(cls, settings: Settings) -> "Rules":
        """Return what KADR_EXCLUDE and KADR_SIDECAR_DIR say."""
        return cls(settings.exclude_patterns, settings.sidecar_dir)

    def of(self, top: Path) -> "Exclusions":
        """Return what is left out below a root."""
        return Exclusions(top, self)


@dataclass
class Exclusions:
    """What is left out below one root. Ignore files are read once: make another to read again."""

    top: Path
    rules: Rules = field(default_factory=Rules)
    _specs: dict[Path, GitIgnoreSpec | None] = field(default_factory=dict)

    def reason_of_folder(self, folder: Path, names: Collection[str] | None = None) -> Reason | None:
        """Return why a folder below the root is left out with all below it; None if it is not.

        Args:
            folder: Its path; that of a folder above it is not looked at.
            names: What it contains, if that is known; otherwise the disk is asked.
        """
        if folder == self.top:
            return self._reason_by_markers(folder, names)
        named = _reason_by_name(folder)
        if folder == self.rules.sidecar_dir:  # looked through by itself
            return Reason.SIDECARS
        return (
            named
            or self._reason_by_patterns(folder, is_folder=True)
            or (self._reason_by_markers(folder, names))
        )

    def note(self, folder: Path, names: Collection[str]) -> None:
        """Note what a folder contains, which spares a look for an ignore file that is not there."""
        if IGNORE_FILE not in names:
            self._specs[folder] = None

    def has_patterns(self, folder: Path) -> bool:
        """Return whether any pattern may hold for files in a folder."""
        above = (folder, *self._folders_above(folder))
        return bool(self.rules.patterns) or any(self._spec_of(each) is not None for each in above)

    def reason_of_file(self, file: Path) -> Reason | None:
        """Return why a file is left out by a pattern; None if it is not."""
        return self._reason_by_patterns(file, is_folder=False)

    def reason_of(self, path: Path, *, is_folder: bool = False) -> Reason | None:
        """Return why a path is left out, by itself or by a folder above it; None if it is not."""
        for folder in reversed(path.parents):
            if folder.is_relative_to(self.top) and (found := self.reason_of_folder(folder)):
                return found
        return self.reason_of_folder(path) if is_folder else self.reason_of_file(path)

    def _reason_by_markers(self, folder: Path, names: Collection[str] | None) -> Reason | None:
        if names is not None:
            return Reason.MARKED if any(marker in names for marker in _MARKERS) else None
        is_marked = any(os.path.lexists(folder / marker) for marker in _MARKERS)
        return Reason.MARKED if is_marked else None

    def _reason_by_patterns(self, path: Path, *, is_folder: bool) -> Reason | None:
        """Ask the ignore file of the nearest folder first, as git does."""
        for folder in self._folders_above(path):
            spec = self._spec_of(folder)
            if (
                spec is not None
                and (said := _matches(spec, path, folder, is_folder=is_folder)) is not None
            ):
                return Reason.IGNORED if said else None
        said = (
            _matches(self._everywhere, path, self.top, is_folder=is_folder)
            if self.rules.patterns
            else None
        )
        return Reason.EXCLUDED if said else None

    def _folders_above(self, path: Path) -> Iterator[Path]:
        for folder in path.parents:
            if not folder.is_relative_to(self.top):
                return
            yield folder

    def _spec_of(self, folder: Path) -> GitIgnoreSpec | None:
        if folder not in self._specs:
            try:
                text = (folder / IGNORE_FILE).read_text(encoding="utf-8", errors="replace")
            except (OSError, ValueError):
                self._specs[folder] = None
            else:
                self._specs[folder] = GitIgnoreSpec.from_lines(_composed(text).splitlines())
        return self._specs[folder]

    @cached_property
    def _everywhere(self) -> GitIgnoreSpec:
        return GitIgnoreSpec.from_lines(map(_composed, self.rules.patterns))


def _reason_by_name(folder: PurePath) -> Reason | None:
    name = folder.name.casefold()
    if folder.parent.name.casefold().endswith(_LIBRARIES):
        return None if name in _ORIGINALS else Reason.CACHES
    if name.endswith(_PREVIEWS):
        return Reason.CACHES
    by_name = next((reason for reason, names in _NAMES.items() if name in names), None)
    return by_name or (Reason.HIDDEN if name.startswith(".") else None)


def _matches(spec: GitIgnoreSpec, path: Path, folder: Path, *, is_folder: bool) -> bool | None:
    """Return whether patterns leave a path out (True) or keep it (False); None if none says."""
    below = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
    return spec.check_file(_composed(below)).include


def _composed(text: str) -> str:
    """Return text in one form of Unicode: a Mac writes names in another than keyboards do."""
    return unicodedata.normalize("NFC", text)
