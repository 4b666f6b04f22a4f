"""Owns the rows of sidecars: what lies beside photos, whose it is, what it says, what Kadr wrote.

`worker.watch` registers those that it finds. Google Takeout's JSON files, which hold dates and
positions, are rows as well: what writes sidecars must leave them alone (`is_xmp`). The caller owns
the transaction.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session, aliased

from catalog import paths, spelling
from catalog.db import bulk, sql
from catalog.db.tables import PhotoFile, Sidecar, SidecarState
from catalog.paths import FileStat
from catalog.said import Said

_SUFFIX = ".xmp"


def is_xmp() -> ColumnElement[bool]:
    """Return the SQL condition that a sidecar is XMP, not Google Takeout's JSON."""
    return func.lower(func.substr(Sidecar.path, func.length(Sidecar.path) - 3)) == _SUFFIX


@dataclass(frozen=True, slots=True)
class Wrote:
    """Strings of a sidecar's three fields that Kadr writes, as they stand there."""

    #: Of `dc:subject`.
    flat: tuple[str, ...] = ()
    #: Of `lr:hierarchicalSubject`.
    paths: tuple[str, ...] = ()
    #: Of `digiKam:TagsList`.
    tags: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> "Wrote":
        """Return the strings of a row's JSON."""
        known = data or {}
        return cls(*(tuple(known.get(name, ())) for name in ("flat", "paths", "tags")))

    def to_json(self) -> dict[str, Any]:
        """Return the strings as JSON."""
        return {"flat": list(self.flat), "paths": list(self.paths), "tags": list(self.tags)}

    def leaves(self) -> Iterator[set[str]]:
        """Yield the folded words of each field, of paths the last name."""
        for strings, separator in ((self.flat, None), (self.paths, "|"), (self.tags, "/")):
            yield {
                spelling.fold(text if separator is None else text.rsplit(separator, 1)[-1])
                for text in strings
            }


@dataclass(frozen=True, slots=True)
class KnownSidecar:
    """A sidecar as the catalogue knows it."""

    id: int
    #: None while it is only planned.
    stat: FileStat | None
    sha256: bytes | None
    #: The path of the file that it belongs to.
    file: str | None
    is_missing: bool
    #: None if Kadr never wrote it.
    wrote: Wrote | None
    wrote_sha256: bytes | None
    #: Kadr's words that another program took out.
    withdrawn: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeenSidecar:
    """A sidecar as found on disk, read."""

    #: Relative to its root, or absolute in KADR_SIDECAR_DIR, in the form of `catalog.paths`.
    path: str
    stat: FileStat
    #: sha256 of its bytes; None if it could not be read.
    sha256: bytes | None
    #: The path of the file that it belongs to; None if that is not certain.
    file: str | None
    #: What other programs say in it; None if it was refused or could not be read.
    said: Said | None
    #: All strings of those fields that Kadr writes, its own and others'.
    holds: Wrote = field(default_factory=Wrote)
    #: What this catalogue wrote into it, perhaps under another name; None if nothing.
    wrote: Wrote | None = None
    #: What Kadr noted in it: see `Marker`.
    marker: "Marker | None" = None
    #: Why it was refused, or is nobody's.
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Marker:
    """What Kadr noted in a sidecar about its own words."""

    confirmed: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    #: The strings that it added.
    wrote: Wrote = field(default_factory=Wrote)


@dataclass(frozen=True, slots=True)
class Registered:
    """What sidecars that were read mean for photos."""

    #: Photos whose keywords and facts are to be made anew.
    photo_ids: frozenset[int] = frozenset()
    #: Decisions of a person that a sidecar brings back, by photo.
    decisions: Mapping[int, Marker] = field(default_factory=dict)
    #: Kadr's words that another program took out, by photo.
    withdrawn: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def find_known(session: Session, root_id: int, found: Iterable[str]) -> dict[str, KnownSidecar]:
    """Return the known sidecars among relative paths, by path."""
    known: dict[str, KnownSidecar] = {}
    for chunk in sql.chunks(found):
        query = (
            select(Sidecar, PhotoFile.path)
            .outerjoin(PhotoFile, PhotoFile.id == Sidecar.file_id)
            .where(Sidecar.root_id == root_id, Sidecar.path.in_(chunk))
        )
        for row, file in session.execute(query):
            known[row.path] = _known(row, file)
    return known


def find_stats(
    session: Session, root_id: int, found: Sequence[str]
) -> dict[str, paths.SizeAndTimes]:
    """Return size and times of those among paths that are known and not missing."""
    columns = (Sidecar.path, Sidecar.size_bytes, Sidecar.mtime_ns, Sidecar.ctime_ns)
    query = select(*columns).where(
        Sidecar.root_id == root_id,
        Sidecar.missing_since.is_(None),
        Sidecar.mtime_ns.is_not(None),
    )
    rows = sql.read_by_texts(session, query, Sidecar.path, found)
    return {row[0]: row[1:] for row in rows}


def find_written(session: Session, digests: Iterable[bytes]) -> dict[bytes, Wrote]:
    """Return what Kadr wrote into sidecars of these contents, which may have been moved."""
    found: dict[bytes, Wrote] = {}
    for chunk in sql.chunks(digests):
        query = select(Sidecar.sha256, Sidecar.wrote).where(
            Sidecar.sha256.in_(chunk), Sidecar.wrote.is_not(None)
        )
        for digest, wrote in session.execute(query):
            if digest is not None:
                found[bytes(digest)] = Wrote.from_json(wrote)
    return found


def find_present_paths(session: Session, root_id: int, folder: str = ".") -> list[str]:
    """Return the paths of known sidecars below a relative folder that are not missing."""
    query = _present_paths(root_id).where(~is_apart())
    if folder != ".":
        query = query.where(sql.is_below(Sidecar.path, folder))
    return list(session.scalars(query))


def count_present(session: Session, root_id: int, folder: str = ".") -> int:
    """Return how many paths `find_present_paths` would."""
    query = _present_paths(root_id).where(~is_apart())
    if folder != ".":
        query = query.where(sql.is_below(Sidecar.path, folder))
    return session.scalar(query.with_only_columns(func.count())) or 0


def find_apart_paths(session: Session, root_id: int, folder: str) -> list[str]:
    """Return the paths of known sidecars below an absolute folder that are not missing."""
    query = _present_paths(root_id).where(is_apart(), sql.is_below(Sidecar.path, folder))
    return list(session.scalars(query))


def is_apart() -> ColumnElement[bool]:
    """Return the SQL condition that a sidecar lies in KADR_SIDECAR_DIR: its path is absolute."""
    return func.substr(Sidecar.path, 1, 1) == "/"


def _present_paths(root_id: int) -> Select[str]:
    return select(Sidecar.path).where(
        Sidecar.root_id == root_id, Sidecar.missing_since.is_(None), Sidecar.mtime_ns.is_not(None)
    )


def register(session: Session, root_id: int, seen: Sequence[SeenSidecar]) -> Registered:
    """Register sidecars that were read, and return what they mean for photos.

    Base is what the row knows, theirs is the file. A word that Kadr wrote and that is there no more
    is *withdrawn*: it stays in the catalogue and is not written again. Decisions in the marker come
    back where this catalogue never wrote the sidecar, as after it was made anew; elsewhere only
    those words count that another catalogue added, on another machine that writes into the same
    folder: the rest is what this one once said. A file that this one wrote itself changes nothing.
    """
    known = find_known(session, root_id, [each.path for each in seen])
    files = _find_files(session, root_id, {each.file for each in seen if each.file is not None})
    photo_ids = set(
        _photos_of(session, [known[each.path].id for each in seen if each.path in known])
    )
    decisions: dict[int, Marker] = {}
    withdrawn: dict[int, tuple[str, ...]] = {}
    rows = []
    for each in sorted(seen, key=lambda each: each.path):
        before = known.get(each.path)
        file_id, photo_id = files.get(each.file or "", (None, None))
        merged = _merge(each, before)
        rows.append({"root_id": root_id, "path": each.path, "file_id": file_id} | merged.columns)
        if photo_id is None:
            continue
        photo_ids.add(photo_id)
        if each.marker is not None and (said := _said_by_another(each.marker, each.wrote)):
            decisions[photo_id] = said
        if merged.withdrawn:
            withdrawn[photo_id] = merged.withdrawn
    _upsert(session, rows)
    return Registered(frozenset(photo_ids), decisions, withdrawn)


def mark_missing(
    session: Session, root_id: int, gone: Iterable[str], *, now: datetime
) -> frozenset[int]:
    """Mark sidecars as missing; return the photos that they belonged to."""
    photo_ids: set[int] = set()
    for chunk in sql.chunks(gone):
        is_it = (Sidecar.root_id == root_id, Sidecar.path.in_(chunk))
        marked = session.scalars(
            update(Sidecar)
            .where(*is_it, Sidecar.missing_since.is_(None))
            .values(missing_since=now)
            .returning(Sidecar.id)
            .execution_options(synchronize_session=False)
        ).all()
        photo_ids.update(_photos_of(session, marked))
    return frozenset(photo_ids)


def is_withdrawn(photo_id: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a column
    """Return the SQL condition that another program took a word of Kadr's out of a sidecar."""
    file = aliased(PhotoFile)  # photo_id may be a column of PhotoFile itself
    return (
        select(Sidecar.id)
        .join(file, file.id == Sidecar.file_id)
        .where(file.photo_id == photo_id, Sidecar.withdrawn.is_not(None))
        .exists()
    )


@dataclass(frozen=True, slots=True)
class _Merged:
    columns: dict[str, Any]
    withdrawn: tuple[str, ...] = ()


def _merge(seen: SeenSidecar, before: KnownSidecar | None) -> _Merged:
    """Return a row's columns for a sidecar that was read, and the words withdrawn just now."""
    columns: dict[str, Any] = {
        "size_bytes": seen.stat.size_bytes,
        "mtime_ns": seen.stat.mtime_ns,
        "ctime_ns": seen.stat.ctime_ns,
        "sha256": seen.sha256,
        "words": None if seen.said is None else seen.said.to_json(),
        "failure": seen.failure,
        "missing_since": None,
    }
    wrote = seen.wrote
    withdrawn = () if before is None else before.withdrawn
    is_own = before is not None and before.wrote_sha256 == seen.sha256
    lost: tuple[str, ...] = ()
    if wrote is None and seen.marker is not None:
        wrote = seen.marker.wrote
    elif wrote is not None and seen.said is not None and not is_own:
        lost = _find_lost(wrote, seen.holds)
        there = set().union(*seen.holds.leaves())
        withdrawn = tuple(
            word
            for word in dict.fromkeys([*withdrawn, *lost])
            if word in lost or spelling.fold(word) not in there
        )
        wrote = Wrote(
            *(
                tuple(text for text in ours if text in theirs)
                for ours, theirs in zip(
                    _fields(_joined(wrote, seen.marker)), _fields(seen.holds), strict=True
                )
            )
        )
    columns["wrote"] = None if wrote is None else wrote.to_json()
    columns["withdrawn"] = {"flat": list(withdrawn)} if withdrawn else None
    return _Merged(columns, lost)


def _said_by_another(marker: Marker, wrote: Wrote | None) -> Marker | None:
    """Return what a marker says that this catalogue did not write."""
    if wrote is None:
        return marker
    new = {spelling.fold(word) for word in marker.wrote.flat if word not in wrote.flat}
    confirmed = tuple(word for word in marker.confirmed if spelling.fold(word) in new)
    return Marker(confirmed) if confirmed else None


def _joined(wrote: Wrote, marker: Marker | None) -> Wrote:
    """Return the strings of this catalogue and of others that write into the same sidecar."""
    if marker is None:
        return wrote
    pairs = zip(_fields(wrote), _fields(marker.wrote), strict=True)
    return Wrote(*(tuple(dict.fromkeys([*ours, *others])) for ours, others in pairs))


def _fields(strings: Wrote) -> tuple[tuple[str, ...], ...]:
    return strings.flat, strings.paths, strings.tags


def _find_lost(wrote: Wrote, holds: Wrote) -> tuple[str, ...]:
    """Return the words that Kadr wrote into a field in which they are no more."""
    gone = set[str]()
    for ours, theirs in zip(wrote.leaves(), holds.leaves(), strict=True):
        gone |= ours - theirs
    names = [*wrote.flat, *(text.rsplit("|", 1)[-1] for text in wrote.paths)]
    names += [text.rsplit("/", 1)[-1] for text in wrote.tags]
    by_key = {spelling.fold(name): name for name in reversed(names)}
    return tuple(by_key[key] for key in sorted(gone))


def _known(row: Sidecar, file: str | None) -> KnownSidecar:
    has_stat = row.size_bytes is not None and row.mtime_ns is not None
    return KnownSidecar(
        id=row.id,
        stat=FileStat(row.size_bytes or 0, row.mtime_ns or 0, row.ctime_ns) if has_stat else None,
        sha256=row.sha256,
        file=file,
        is_missing=row.missing_since is not None,
        wrote=None if row.wrote is None else Wrote.from_json(row.wrote),
        wrote_sha256=row.wrote_sha256,
        withdrawn=tuple((row.withdrawn or {}).get("flat", ())),
    )


def _find_files(
    session: Session, root_id: int, found: Iterable[str]
) -> dict[str, tuple[int | None, int | None]]:
    """Return the id of each file, and of its photo."""
    files: dict[str, tuple[int | None, int | None]] = {}
    for chunk in sql.chunks(sorted(found)):
        query = select(PhotoFile.path, PhotoFile.id, PhotoFile.photo_id).where(
            PhotoFile.root_id == root_id, PhotoFile.path.in_(chunk)
        )
        for path, file_id, photo_id in session.execute(query):
            files[path] = (file_id, photo_id)
    return files


def _photos_of(session: Session, sidecar_ids: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for chunk in sql.chunks(sidecar_ids):
        query = (
            select(PhotoFile.photo_id)
            .join(Sidecar, Sidecar.file_id == PhotoFile.id)
            .where(Sidecar.id.in_(chunk))
        )
        found.update(photo_id for photo_id in session.scalars(query) if photo_id is not None)
    return found


def _upsert(session: Session, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    key = ("root_id", "path")
    changing = tuple(name for name in rows[0] if name not in key)
    new = [{"state": SidecarState.SEEN} | row for row in rows]
    bulk.upsert(session, Sidecar, new, key=key, changing=changing)
