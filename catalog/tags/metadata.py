"""Makes keywords and facts of photos from what their files and sidecars say.

Rows of `photo_tag` with source `metadata` are a function of that: a keyword that is in none of them
any more goes, unless a person confirmed it. `catalog.tags.results` calls it for photos that are
tagged, `worker` where metadata was read anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from catalog import settings, spelling
from catalog.db import bulk, sql
from catalog.db.tables import Photo, PhotoTag, Source
from catalog.photos import history, said
from catalog.photos.history import EventKind
from catalog.photos.said import Merged
from catalog.photos.sidecars import Marker, Registered
from catalog.tags import decisions, store

_PHOTOS_AT_ONCE = 1_000


def apply(
    session: Session,
    photo_ids: Iterable[int],
    *,
    now: datetime,
    look_up: store.LookUp = store.nothing_known,
    is_noted: bool = True,
) -> int:
    """Store the keywords and facts of photos' metadata; return how many keywords changed.

    Args:
        session: The caller's transaction.
        photo_ids: Photos whose metadata was read.
        now: The time of the events.
        look_up: Knows words that are new to the catalogue, as a vocabulary does.
        is_noted: Whether changed keywords are noted in the photos' history.
    """
    return sum(
        _apply(session, chunk, now, look_up, is_noted=is_noted)
        for chunk in sql.chunks(sorted(set(photo_ids)), _PHOTOS_AT_ONCE)
    )


def take_over(
    session: Session,
    found: Registered,
    *,
    now: datetime,
    look_up: store.LookUp = store.nothing_known,
) -> int:
    """Apply sidecars that were read to their photos; return how many keywords changed.

    Decisions come back where nothing was decided here. Words that another program took out are
    noted as withdrawn, or rejected with KADR_REMOVED_ELSEWHERE=reject.
    """
    for photo_id, marker in sorted(found.decisions.items()):
        _restore(session, photo_id, marker, now, look_up)
    if settings.load().removed_elsewhere == "reject":
        for photo_id, words in sorted(found.withdrawn.items()):
            decisions.reject(session, [photo_id], words, now=now, look_up=look_up)
    details = {photo_id: {"words": list(words)} for photo_id, words in found.withdrawn.items()}
    history.add_events(session, sorted(details), EventKind.WITHDRAWN, now=now, details=details)
    return apply(session, found.photo_ids, now=now, look_up=look_up)


def _apply(
    session: Session,
    photo_ids: Sequence[int],
    now: datetime,
    look_up: store.LookUp,
    *,
    is_noted: bool,
) -> int:
    merged = said.load(session, photo_ids)
    _set_facts(session, merged)
    wanted = _wanted(session, merged, look_up)
    before = _find_rows(session, photo_ids)
    gone = {row for row, is_decided in before.items() if not is_decided} - wanted
    gone = {row for row in gone if merged[row[0]].has_all_keywords}
    new = wanted - before.keys()
    _delete(session, gone)
    _insert(session, new)
    if is_noted:
        _note(session, new, gone, now)
    return len(gone) + len(new)


def _set_facts(session: Session, merged: Mapping[int, Merged]) -> None:
    """Write the facts of photos that changed; what is not known for certain changes nothing."""
    columns = (
        *(Photo.taken_at, Photo.taken_precision, Photo.taken_offset_minutes),
        *(Photo.latitude, Photo.longitude, Photo.camera, Photo.fact_sources),
    )
    names = [column.key for column in columns]
    rows = []
    for chunk in sql.chunks(merged):
        is_one = sql.member(Photo.id, chunk, session.get_bind().dialect.name)
        query = select(Photo.id, *columns).where(is_one)
        for photo_id, *values in session.connection().execute(query):
            before = dict(zip(names, values, strict=True))
            after = _facts_after(before, merged[photo_id])
            if after != before:
                rows.append({"id": photo_id} | after)
    bulk.update_by(session, Photo, rows)


def _facts_after(before: Mapping[str, Any], merged: Merged) -> dict[str, Any]:
    if merged.is_whole:
        return dict(merged.facts)
    known = {name: value for name, value in merged.facts.items() if value is not None}
    if "taken_at" in known:
        known |= {name: merged.facts[name] for name in ("taken_precision", "taken_offset_minutes")}
    if known.get("fact_sources"):
        known["fact_sources"] = {**(before["fact_sources"] or {}), **known["fact_sources"]}
    return {**before, **known}


def _wanted(
    session: Session, merged: Mapping[int, Merged], look_up: store.LookUp
) -> set[tuple[int, int]]:
    """Return (photo, tag) of all keywords of the photos; new tags and links are made."""
    with_ancestors = settings.load().read_ancestors
    keywords = {photo_id: each.keywords for photo_id, each in merged.items()}
    every = {keyword for many in keywords.values() for keyword in many}
    words = {word for keyword in every for word in (keyword.word, *keyword.broader)}
    tag_ids = store.ensure_tags(session, sorted(words), look_up)
    store.link_broader(session, [(keyword.word, *keyword.broader) for keyword in every])
    return {
        (photo_id, tag_ids[word])
        for photo_id, many in keywords.items()
        for keyword in many
        for word in (keyword.word, *(keyword.broader if with_ancestors else ()))
        if word in tag_ids
    }


def _find_rows(session: Session, photo_ids: Sequence[int]) -> dict[tuple[int, int], bool]:
    """Return (photo, tag) of keywords that no model made, and whether a person decided."""
    query = select(PhotoTag.photo_id, PhotoTag.tag_id, PhotoTag.decision).where(
        sql.member(PhotoTag.photo_id, photo_ids, session.get_bind().dialect.name),
        or_(PhotoTag.source != Source.CLIP, PhotoTag.decision.is_not(None)),
    )
    return {
        (photo_id, tag_id): decision is not None
        for photo_id, tag_id, decision in sql.fetch(session, query)
    }


def _delete(session: Session, gone: Iterable[tuple[int, int]]) -> None:
    by_tag: dict[int, list[int]] = {}
    for photo_id, tag_id in gone:
        by_tag.setdefault(tag_id, []).append(photo_id)
    for tag_id, photo_ids in sorted(by_tag.items()):
        session.execute(
            delete(PhotoTag).where(
                PhotoTag.tag_id == tag_id,
                PhotoTag.photo_id.in_(photo_ids),
                PhotoTag.source == Source.METADATA,
                PhotoTag.decision.is_(None),
            )
        )


def _insert(session: Session, new: Iterable[tuple[int, int]]) -> None:
    """Insert rows; one that a model made and nobody decided about becomes the file's."""
    rows = [
        {"photo_id": photo_id, "tag_id": tag_id, "confidence": 1.0, "source": Source.METADATA}
        for photo_id, tag_id in sorted(new)
    ]
    if not rows:
        return
    statement = sql.insert(session, PhotoTag)
    upsert = statement.on_conflict_do_update(
        index_elements=[PhotoTag.tag_id, PhotoTag.photo_id],
        set_={name: statement.excluded[name] for name in ("confidence", "source")},
        where=(PhotoTag.source == Source.CLIP) & PhotoTag.decision.is_(None),
    )
    session.execute(upsert, rows)


def _note(
    session: Session,
    new: Iterable[tuple[int, int]],
    gone: Iterable[tuple[int, int]],
    now: datetime,
) -> None:
    details: dict[int, dict[str, Any]] = {}
    names = store.find_names(session, {tag_id for _, tag_id in [*new, *gone]})
    for kind, rows in (("added", new), ("removed", gone)):
        for photo_id, tag_id in sorted(rows):
            details.setdefault(photo_id, {}).setdefault(kind, []).append(names[tag_id])
    photo_ids = sorted(details)
    history.add_events(session, photo_ids, EventKind.METADATA_READ, now=now, details=details)


def _restore(
    session: Session, photo_id: int, marker: Marker, now: datetime, look_up: store.LookUp
) -> None:
    decided = _find_decided(session, photo_id)
    words = _usable([*marker.confirmed, *marker.rejected])
    tag_ids = store.ensure_tags(session, words, look_up)
    confirmed, rejected = (
        [w for w in _usable(given) if tag_ids[w] not in decided]
        for given in (marker.confirmed, marker.rejected)
    )
    if confirmed:
        decisions.add(session, [photo_id], confirmed, now=now, look_up=look_up)
    if rejected:
        decisions.reject(session, [photo_id], rejected, now=now, look_up=look_up)


def _usable(words: Iterable[str]) -> list[str]:
    return [w for w in words if spelling.clean(w) and len(w) <= spelling.MAX_WORD_CHARS]


def _find_decided(session: Session, photo_id: int) -> set[int]:
    query = select(PhotoTag.tag_id).where(
        PhotoTag.photo_id == photo_id, PhotoTag.decision.is_not(None)
    )
    return set(session.scalars(query))
