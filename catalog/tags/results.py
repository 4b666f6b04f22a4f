"""Records the results of tagging in one transaction; `worker.tagging` calls it.

The lease's token guards it: results of a worker whose lease expired are dropped, because another
worker has the photo. A person's decisions are never changed here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from catalog.db import bulk, sql
from catalog.db.tables import Embedding, Photo, PhotoState, PhotoTag, Source
from catalog.photos import lifecycle, said
from catalog.said import Said
from catalog.tags import metadata, store, taggers


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What a file is, and what its metadata says of its photo."""

    #: Pixels, after EXIF orientation.
    width: int
    height: int
    #: `jpeg`, `heic`, ...
    format: str
    said: Said = field(default_factory=Said)
    #: Rows of pixels that a cut-off file lacks; None if it is whole.
    truncated_rows: int | None = None
    #: What it looks like while it loads; None if that was not computed.
    thumbhash: bytes | None = None


@dataclass(frozen=True, slots=True)
class ScoredTag:
    """One keyword that a model found on a photo."""

    word: str
    #: Share of the softmax over the vocabulary (the paper's score).
    score: float
    #: Cosine of image and word vector.
    similarity: float
    #: In [0, 1], calibrated.
    confidence: float


@dataclass(frozen=True, slots=True)
class TaggedPhoto:
    """The complete result for one photo."""

    photo_id: int
    #: (dim,), L2-normalised; stored as float16.
    vector: NDArray[np.floating]
    facts: PhotoFacts
    tags: tuple[ScoredTag, ...]


def record_tagged(
    session: Session,
    token: str,
    results: Sequence[TaggedPhoto],
    *,
    tagger_id: int,
    words: store.Lexicon,
    now: datetime,
) -> int:
    """Store vectors, facts and tags of photos still leased under `token`; return their number.

    `words` holds the aliases and broader words of the keywords.
    """
    owned = lifecycle.find_owned(session, token, [result.photo_id for result in results])
    kept = [result for result in results if result.photo_id in owned]
    if not kept:
        return 0
    _store_vectors(session, taggers.get_model_id(session, tagger_id), kept)
    facts = {result.photo_id: _to_columns(result.facts) for result in kept}
    lifecycle.mark_tagged(session, facts, tagger_id, now=now)
    read = {result.photo_id: result.facts.said for result in kept}
    record_metadata(session, read, words=words, now=now, is_noted=False)
    store_tags(
        session,
        {result.photo_id: result.tags for result in kept},
        tagger_id=tagger_id,
        words=words,
    )
    return len(kept)


def record_metadata(
    session: Session,
    read: Mapping[int, Said],
    *,
    words: store.Lexicon,
    now: datetime,
    is_noted: bool = True,
) -> int:
    """Store what files say of their photos, by photo; return how many keywords changed."""
    said.record_embedded(session, read)
    return metadata.apply(session, read, now=now, look_up=lambda _: words, is_noted=is_noted)


def store_tags(
    session: Session,
    scored: Mapping[int, Sequence[ScoredTag]],
    *,
    tagger_id: int,
    words: store.Lexicon,
) -> None:
    """Replace the tags that photos have from models.

    Rows of people and of files stay and only get the new scores.
    """
    is_machine = (PhotoTag.source == Source.CLIP) & PhotoTag.decision.is_(None)
    for chunk in sql.chunks(scored):
        is_of_one = sql.member(PhotoTag.photo_id, chunk, session.get_bind().dialect.name)
        session.connection().execute(delete(PhotoTag).where(is_of_one, is_machine))
    names = [tag.word for found in scored.values() for tag in found]
    tag_ids = store.ensure_tags(session, names, lambda _keys: words)
    _insert_scored(session, scored, tag_ids, tagger_id)


def find_outdated(
    session: Session, tagger_id: int, *, after: int, limit: int
) -> list[tuple[int, NDArray[np.float16]]]:
    """Return (photo id, stored vector) of photos tagged by another tagger, after an id."""
    query = (
        select(Embedding.photo_id, Embedding.vector)
        .join(Photo, Photo.id == Embedding.photo_id)
        .where(Embedding.photo_id > after, *_is_outdated(session, tagger_id))
        .order_by(Embedding.photo_id)
        .limit(limit)
    )
    return [(photo_id, vector) for photo_id, vector in session.execute(query)]


def count_outdated(session: Session, tagger_id: int) -> int:
    """Count the photos that `find_outdated` finds."""
    query = select(func.count(Photo.id)).join(Embedding, Embedding.photo_id == Photo.id)
    return session.scalar(query.where(*_is_outdated(session, tagger_id))) or 0


def _is_outdated(session: Session, tagger_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        Embedding.model_id == taggers.get_model_id(session, tagger_id),
        Photo.state == PhotoState.TAGGED,
        Photo.tagger_id.is_distinct_from(tagger_id),
    )


def _store_vectors(session: Session, model_id: int, results: Sequence[TaggedPhoto]) -> None:
    rows = [
        {"model_id": model_id, "photo_id": result.photo_id, "vector": result.vector}
        for result in results
    ]
    bulk.upsert(session, Embedding, rows, key=("model_id", "photo_id"), changing=("vector",))


def _to_columns(facts: PhotoFacts) -> dict[str, object]:
    names = ("width", "height", "format", "truncated_rows")
    columns: dict[str, object] = {name: getattr(facts, name) for name in names}
    if facts.thumbhash is not None:
        columns["thumbhash"] = facts.thumbhash
    return columns


def _insert_scored(
    session: Session,
    scored: Mapping[int, Sequence[ScoredTag]],
    tag_ids: Mapping[str, int],
    tagger_id: int,
) -> None:
    rows: dict[tuple[int, int], dict[str, object]] = {}
    for photo_id, found in scored.items():
        for tag in found:  # best first: a worse word for the same tag adds nothing
            row: dict[str, object] = {
                "tag_id": tag_ids[tag.word],
                "photo_id": photo_id,
                "source": Source.CLIP,
                "score": tag.score,
                "similarity": tag.similarity,
                "confidence": tag.confidence,
                "tagger_id": tagger_id,
            }
            rows.setdefault((tag_ids[tag.word], photo_id), row)
    bulk.upsert(
        session,
        PhotoTag,
        [rows[key] for key in sorted(rows)],  # as they are stored, which costs SQLite less
        key=("tag_id", "photo_id"),
        changing=("score", "similarity", "tagger_id"),
    )
