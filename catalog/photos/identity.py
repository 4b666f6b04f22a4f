"""Decides which photo the content of a file is: a photo is its picture, not its bytes.

`files.register_files` calls it. Content whose bytes are known is that photo. Otherwise its image
digest decides: a known picture with other metadata is the photo whose place it takes, which then
carries the new sha256; where the old bytes still lie somewhere else, it is a twin, a row of its own
that begins with all that is known of the first. A picture that nobody knows is a new photo.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session, aliased

from catalog.db import bulk, sql
from catalog.db.tables import Photo, PhotoFile
from catalog.photos import heirs, history, lifecycle
from catalog.photos.history import EventKind

if TYPE_CHECKING:
    from catalog.photos.files import KnownFile, SeenFile

#: The caller sends a message for a new photo at once; if it gets lost, the sweep sends another
#: after this time.
RING_GRACE_S = 30.0
#: Photos of one picture that are looked at to decide which of them a file is.
MAX_ALIKE = 32


@dataclass(slots=True)
class Resolved:
    """Which photo each content is, and how it came to be it."""

    #: By sha256.
    photo_ids: dict[bytes, int]
    #: Photos that were unknown before, twins included.
    new: set[int] = field(default_factory=set)
    #: Photos that took the sha256 of a file whose metadata changed.
    rewritten: set[int] = field(default_factory=set)
    #: By twin: the photo of the same picture that it began with.
    twins: dict[int, int] = field(default_factory=dict)


def find_photo_ids(session: Session, sha256s: Iterable[bytes]) -> dict[bytes, int]:
    """Return the photos of known bytes, by sha256."""
    found: dict[bytes, int] = {}
    for chunk in sql.chunks(sha256s):
        query = select(Photo.sha256, Photo.id).where(Photo.sha256.in_(chunk))
        found.update((bytes(sha256), photo_id) for sha256, photo_id in session.execute(query))
    return found


def find_alike(
    session: Session, image_digests: Iterable[bytes], places: Collection[int] = ()
) -> dict[bytes, list[int]]:
    """Return photos that show known pictures, by image digest, oldest first.

    Of one picture at most `MAX_ALIKE`, those that lie nowhere first: a blank scan may be there ten
    thousand times. Photos among `places` are returned in any case.
    """
    lies = Photo.missing_since.is_(None)
    rank = func.row_number().over(partition_by=Photo.image_digest, order_by=(lies, Photo.id))
    found: dict[bytes, list[int]] = defaultdict(list)
    for chunk in sql.chunks(image_digests):
        ranked = select(Photo.image_digest, Photo.id, rank.label("rank")).where(
            Photo.image_digest.in_(chunk)
        )
        alike = ranked.subquery()
        wanted = or_(alike.c.rank <= MAX_ALIKE, alike.c.id.in_(places))
        query = select(alike.c.image_digest, alike.c.id).where(wanted).order_by(alike.c.id)
        for image_digest, photo_id in session.execute(query):
            found[bytes(image_digest)].append(photo_id)
    return found


def find_twins(session: Session, photo_ids: Collection[int]) -> set[int]:
    """Return other photos that show the pictures of these; see `find_alike` for how many."""
    digests: set[bytes] = set()
    for chunk in sql.chunks(photo_ids):
        query = select(Photo.image_digest).where(Photo.id.in_(chunk))
        digests.update(bytes(digest) for digest in session.scalars(query) if digest is not None)
    alike = find_alike(session, digests).values()
    return {photo_id for found in alike for photo_id in found}.difference(photo_ids)


def find_present_twin(session: Session, photo_ids: Collection[int]) -> dict[int, int]:
    """Return, by photo, the oldest other photo of its picture that lies somewhere."""
    found: dict[int, int] = {}
    twin = aliased(Photo)
    for chunk in sql.chunks(photo_ids):
        alike = twin.image_digest == Photo.image_digest
        query = (
            select(Photo.id, func.min(twin.id))
            .join(twin, alike)
            .where(Photo.id.in_(chunk), twin.id != Photo.id, twin.missing_since.is_(None))
            .group_by(Photo.id)
        )
        found.update((photo_id, other) for photo_id, other in session.execute(query))
    return found


def resolve(
    session: Session,
    root_id: int,
    files: Sequence["SeenFile"],
    before: Mapping[str, "KnownFile"],
    now: datetime,
) -> Resolved:
    """Find or make the photo of each content.

    Args:
        session: The caller's transaction, which has locked every photo that may be meant.
        root_id: The root of the files.
        files: Files as found on disk.
        before: What the catalogue knew of their paths.
        now: The time of the change.
    """
    contents = {file.sha256: file for file in files if file.sha256 is not None}
    resolved = Resolved(find_photo_ids(session, contents))
    _note_digests(session, contents, resolved.photo_ids)
    unknown = {sha256: contents[sha256] for sha256 in sorted(contents.keys() - resolved.photo_ids)}
    if unknown:
        originals = _rewrite_known(session, root_id, files, before, resolved, unknown)
        history.add_events(session, sorted(resolved.rewritten), EventKind.REWRITTEN, now=now)
        lifecycle.restart(session, sorted(resolved.rewritten), now=now)
        _add_new(session, unknown, resolved, originals, now)
    return resolved


def _note_digests(
    session: Session, contents: Mapping[bytes, "SeenFile"], known: Mapping[bytes, int]
) -> None:
    """Fill in the digests of photos that an older Kadr registered."""
    rows = [
        {"id": photo_id, "image_digest": contents[sha256].image_digest}
        for sha256, photo_id in sorted(known.items(), key=lambda each: each[1])
        if contents[sha256].image_digest is not None
    ]
    lacking = {
        photo_id
        for chunk in sql.chunks(row["id"] for row in rows)
        for photo_id in session.scalars(
            select(Photo.id).where(Photo.id.in_(chunk), Photo.image_digest.is_(None))
        )
    }
    if filled := [row for row in rows if row["id"] in lacking]:
        session.execute(update(Photo), filled)


def _rewrite_known(
    session: Session,
    root_id: int,
    files: Sequence["SeenFile"],
    before: Mapping[str, "KnownFile"],
    resolved: Resolved,
    unknown: dict[bytes, "SeenFile"],
) -> dict[bytes, int]:
    """Record the new bytes of known photos; return, by sha256, the original of each twin.

    Contents that became a known photo are removed from `unknown`.
    """
    wanted = {file.image_digest for file in unknown.values() if file.image_digest is not None}
    places = _places(files, before)
    alike = find_alike(session, wanted, {lay for found in places.values() for lay in found})
    candidates = {photo_id for found in alike.values() for photo_id in found}
    taken = candidates & set(resolved.photo_ids.values())  # their old bytes are in this batch too
    taken |= _lie_elsewhere(session, root_id, candidates, {file.path for file in files})
    originals: dict[bytes, int] = {}
    for sha256, file in list(unknown.items()):
        found = _by_preference(session, alike.get(file.image_digest or b"", []), places[sha256])
        if not found:
            continue
        free = next((photo_id for photo_id in found if photo_id not in taken), None)
        if free is None:
            originals[sha256] = found[0]
            continue
        _rewrite(session, free, file)
        taken.add(free)
        resolved.photo_ids[sha256] = free
        resolved.rewritten.add(free)
        del unknown[sha256]
    return originals


def _by_preference(session: Session, alike: Sequence[int], places: Collection[int]) -> list[int]:
    """Return the photos that a file of a known picture may be, the likeliest first.

    That which lay there; one that was superseded by that which lay there, and is put back; one that
    was not superseded. Others only if there is none of these: their decisions have gone elsewhere.
    """
    lay = [photo_id for photo_id in alike if photo_id in places]
    if lay or not alike:
        return lay
    back = [
        photo_id
        for photo_id in alike
        if any(heirs.is_in_past_of(session, photo_id, place) for place in places)
    ]
    standing = session.scalars(
        select(Photo.id)
        .where(Photo.id.in_(alike), Photo.superseded_by_id.is_(None))
        .order_by(Photo.id)
    ).all()
    return list(dict.fromkeys([*back, *standing])) or list(alike)


def _places(
    files: Sequence["SeenFile"], before: Mapping[str, "KnownFile"]
) -> dict[bytes, set[int]]:
    """Return, by content, the photos that lay at its paths."""
    places: dict[bytes, set[int]] = defaultdict(set)
    for file in files:
        known = before.get(file.path)
        if file.sha256 is not None and known is not None and known.photo_id is not None:
            places[file.sha256].add(known.photo_id)
    return places


def _lie_elsewhere(
    session: Session, root_id: int, photo_ids: Collection[int], paths: Collection[str]
) -> set[int]:
    """Return which of the photos have a file that is there and not among some paths of a root."""
    found: set[int] = set()
    for chunk in sql.chunks(photo_ids):
        query = select(PhotoFile.photo_id, PhotoFile.root_id, PhotoFile.path).where(
            PhotoFile.photo_id.in_(chunk), PhotoFile.missing_since.is_(None)
        )
        for photo_id, of_root, path in session.execute(query):
            if photo_id is not None and (of_root != root_id or path not in paths):
                found.add(photo_id)
    return found


def _rewrite(session: Session, photo_id: int, file: "SeenFile") -> None:
    """Record that a photo has the bytes of a file now, and that its metadata is to be read."""
    session.execute(
        update(Photo)
        .where(Photo.id == photo_id)
        .values(sha256=file.sha256, size_bytes=file.stat.size_bytes)
        .execution_options(synchronize_session=False)
    )


def _add_new(
    session: Session,
    unknown: Mapping[bytes, "SeenFile"],
    resolved: Resolved,
    originals: Mapping[bytes, int],
    now: datetime,
) -> None:
    """Insert photos in the order of their bytes, so that two writers cannot deadlock."""
    due_at = now + timedelta(seconds=RING_GRACE_S)
    rows = [
        {"sha256": sha256, "size_bytes": file.stat.size_bytes, "added_at": now, "due_at": due_at}
        | {"image_digest": file.image_digest}
        for sha256, file in unknown.items()
    ]
    bulk.upsert(session, Photo, rows, key=("sha256",), changing=())
    ids = find_photo_ids(session, unknown)
    resolved.photo_ids |= ids
    resolved.new = set(ids.values())
    resolved.twins = {ids[sha256]: original for sha256, original in originals.items()}
    history.add_events(session, sorted(resolved.new), EventKind.ADDED, now=now)
    heirs.copy_results(session, resolved.twins, now=now)
