"""Reads the sidecars beside photos and records what they say; opens no photo.

`worker.watch.ingest` calls it with sidecars that are new or changed, and with the photos that came:
a sidecar may have been there before its photo.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import structlog

from catalog import paths
from catalog.db.database import Database
from catalog.db.tables import Root
from catalog.photos import sidecars
from catalog.photos.sidecars import KnownSidecar, Marker, SeenSidecar, Wrote
from catalog.said import Said
from catalog.tags import metadata, store
from worker import extensions
from worker.metadata import document, keywords, sidecar_names, takeout, xmp
from worker.metadata.sidecar_names import PhotosOfFolder
from worker.metadata.xmp import Field, Values, Xmp
from worker.watch import scan
from worker.watch.scan import FoundFile

_log = structlog.get_logger()

_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
#: The fields that Kadr writes, in the order of `Wrote`.
_WRITTEN = {Field.SUBJECT: "flat", Field.HIERARCHY: "paths", Field.TAGS_LIST: "tags"}
_UNCERTAIN = "belongs to no photo, or to one of several; name it like IMG.jpg.xmp"


@dataclass(frozen=True, slots=True)
class Taken:
    """What happened to the sidecars that were to be read."""

    #: How many were read or refused.
    read: int
    #: Those that changed while they were read, or are gone: to be tried again.
    unsettled: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class _Content:
    """A sidecar's bytes, or why it could not be read."""

    found: FoundFile
    data: bytes | None
    failure: str | None = None


class _Folder:
    """The names in one folder: its photos, and which sidecars lie beside which.

    It is made for each few files that come, and there may be 50,000 beside them: what a folder
    without sidecars does not need is not made.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._names = os.listdir(folder)  # noqa: PTH208  names, not paths: there may be many
        except OSError:
            self._names = []
        self.path = folder
        beside = [name for name in self._names if name[-5:].lower().endswith((".xmp", ".json"))]
        self._json = [name for name in beside if takeout.is_takeout(name)]
        self._by_stem: dict[str, list[str]] = {}
        for name in beside:
            if sidecar_names.is_sidecar(name):
                self._by_stem.setdefault(sidecar_names.stem_of(name), []).append(name)

    @cached_property
    def _photos(self) -> frozenset[str]:
        return frozenset(name for name in self._names if extensions.is_photo(name))

    @cached_property
    def _owners(self) -> PhotosOfFolder:
        return PhotosOfFolder(self._photos)

    def beside(self, photos: Iterable[str]) -> set[str]:
        """Return the sidecars that may belong to photos."""
        wanted = set(photos)
        found = {
            name
            for photo in (wanted if self._by_stem else ())
            for stem in sidecar_names.sharing(photo)
            for name in self._by_stem.get(stem, ())
        }
        return found | {n for n in self._json if takeout.owner_of(n, self._photos) in wanted}

    def owner_of(self, name: str, said: Xmp | None) -> str | None:
        """Return the photo that a sidecar belongs to."""
        if said is None:
            return takeout.owner_of(name, self._photos)
        return self._owners.owner_of(name, said.sidecar_for)


def take_sidecars(
    database: Database,
    root: Root,
    found: Sequence[FoundFile],
    photos: Sequence[FoundFile] = (),
    *,
    look_up: store.LookUp = store.nothing_known,
    sidecar_dir: Path | None = None,
) -> Taken:
    """Read sidecars and record what they say.

    Args:
        database: The catalogue.
        root: The root that they lie below.
        found: New and changed sidecars.
        photos: Photos that were registered just now, whose sidecars are looked for.
        look_up: Knows words that are new to the catalogue.
        sidecar_dir: The folder that holds sidecars instead, which mirrors the paths of photos.
    """
    folders: dict[Path, _Folder] = {}
    wanted = {each.path: each for each in found}
    for folder, names in _by_folder(photos).items():
        folders[folder] = _Folder(folder)
        for name in folders[folder].beside(names):
            path = folder / name
            if path not in wanted and (file := scan.stat_file(path)) is not None:
                wanted[path] = file
    if sidecar_dir is not None:
        wanted |= _find_apart(photos, sidecar_dir)
    if not wanted:
        return Taken(0)
    top = paths.from_text(root.path)
    contents = [_read(file) for file in wanted.values()]
    stored = {path: _stored(path, top, sidecar_dir) for path in wanted}
    for folder in {path.parent for path in wanted} - folders.keys():
        folders[folder] = _Folder(_folder_of_photos(folder, top, sidecar_dir))
    with database.write() as session:
        known = sidecars.find_known(session, root.id, stored.values())
        digests = {_digest(each.data) for each in contents if each.data is not None}
        moved = sidecars.find_written(session, digests)
        seen = [
            _seen(each, folders[each.found.path.parent], stored[each.found.path], top, known, moved)
            for each in contents
            if each.data is not None or each.failure is not None
        ]
        registered = sidecars.register(session, root.id, seen)
        now = datetime.now(UTC)
        changed = metadata.take_over(session, registered, now=now, look_up=look_up)
    _log.debug("sidecars_read", root=root.name, files=len(seen), keywords=changed)
    unsettled = [each.found.path for each in contents if each.data is None and not each.failure]
    return Taken(len(seen), tuple(unsettled))


def _find_apart(photos: Iterable[FoundFile], sidecar_dir: Path) -> dict[Path, FoundFile]:
    """Return the sidecars of photos that lie in a folder of their own."""
    places = (Path(sidecar_names.mirrored(sidecar_dir, photo.path)) for photo in photos)
    named = (place.with_name(sidecar_names.of_photo(place.name)) for place in places)
    return {path: file for path in named if (file := scan.stat_file(path)) is not None}


def _stored(path: Path, top: Path, sidecar_dir: Path | None) -> str:
    """Return the stored path of a sidecar: below its root, or absolute."""
    is_apart = sidecar_dir is not None and path.is_relative_to(sidecar_dir)
    return paths.to_text(path) if is_apart else scan.relative(path, top)


def _folder_of_photos(folder: Path, top: Path, sidecar_dir: Path | None) -> Path:
    """Return the folder of the photos that the sidecars in a folder belong to."""
    if sidecar_dir is None or not folder.is_relative_to(sidecar_dir):
        return folder
    return top / folder.relative_to(sidecar_names.mirrored(sidecar_dir, top))


def _by_folder(photos: Iterable[FoundFile]) -> dict[Path, list[str]]:
    folders: dict[Path, list[str]] = {}
    for photo in photos:
        folders.setdefault(photo.path.parent, []).append(photo.path.name)
    return folders


def _read(found: FoundFile) -> _Content:
    """Read a sidecar; without data and failure if it is gone or changed meanwhile."""
    try:
        with open(os.open(found.path, _OPEN_FLAGS), "rb", buffering=0) as file:  # noqa: PTH123
            data = file.read(document.MAX_BYTES + 1) or b""
    except FileNotFoundError:
        return _Content(found, None)
    except OSError as error:
        fact = (error.strerror or str(error)).lower()
        return _Content(found, None, f"{fact}; make it readable, and it is read")
    after = scan.stat_file(found.path)
    return _Content(found, data if after is not None and after.stat == found.stat else None)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _seen(
    content: _Content,
    folder: _Folder,
    stored: str,
    top: Path,
    known: dict[str, KnownSidecar],
    moved: dict[bytes, Wrote],
) -> SeenSidecar:
    name, stat = content.found.path.name, content.found.stat
    shown = paths.printable(stored)
    if content.data is None:
        return SeenSidecar(stored, stat, None, None, None, failure=f"{shown}: {content.failure}")
    digest = _digest(content.data)
    is_json = not sidecar_names.is_sidecar(name)
    parsed = None if is_json else xmp.parse(content.data)
    owner = folder.owner_of(name, parsed)
    file = None if owner is None else scan.relative(folder.path / owner, top)
    if parsed is None:
        said = takeout.parse(content.data)
        return SeenSidecar(stored, stat, digest, file, said)
    if parsed.problem is not None:
        failure = f"{shown}: {parsed.problem}"
        return SeenSidecar(stored, stat, digest, file, None, failure=failure)
    before = known.get(stored)
    wrote = moved.get(digest) if before is None or before.wrote is None else before.wrote
    marker = _marker(parsed)
    return SeenSidecar(
        path=stored,
        stat=stat,
        sha256=digest,
        file=file,
        said=_foreign(parsed, [each for each in (wrote, marker and marker.wrote) if each]),
        holds=Wrote(*(_values(parsed, field) for field in _WRITTEN)),
        wrote=wrote,
        marker=marker,
        failure=None if file is not None else f"{shown}: {_UNCERTAIN}",
    )


def _marker(parsed: Xmp) -> Marker | None:
    noted = parsed.marker
    if noted is None:
        return None
    return Marker(noted.confirmed, noted.rejected, Wrote(noted.words, noted.paths, noted.tags))


def _values(parsed: Xmp, field: Field) -> tuple[str, ...]:
    return parsed.fields[field].values if field in parsed.fields else ()


def _foreign(parsed: Xmp, wrote: Sequence[Wrote]) -> Said:
    """Return what other programs say in a sidecar: without the strings that Kadr wrote.

    Fields in which only Kadr's strings are do not replace the keywords of the file, unless Kadr
    noted that others had such a field.
    """
    noted = () if parsed.marker is None else parsed.marker.before
    fields = {
        field: _without(field, values, wrote) if field in _WRITTEN else values
        for field, values in parsed.fields.items()
    }
    known = {"taken": parsed.taken, "position": parsed.position}
    return Said(
        keywords=keywords.collect(fields),
        has_keywords=any(
            values.values
            or not parsed.fields[field].values
            or any(note.startswith(field) for note in noted)
            for field, values in fields.items()
        ),
        taken=parsed.taken,
        position=parsed.position,
        sources={fact: "XMP" for fact, value in known.items() if value is not None},
    )


def _without(field: Field, values: Values, wrote: Sequence[Wrote]) -> Values:
    name = _WRITTEN[field]
    own = {text for each in wrote for text in getattr(each, name)}
    return replace(values, values=tuple(value for value in values.values if value not in own))
