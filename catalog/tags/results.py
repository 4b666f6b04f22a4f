"""Records the results of tagging in one transaction; `worker.tagging` calls it.

The lease's token guards it: results of a worker whose lease expired are dropped, because another
worker has the photo. A person's decisions are never changed here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import Embedding, Photo, PhotoState, PhotoTag, Source
from catalog.photos import lifecycle
from catalog.tags import store, taggers


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What a file says about its photo."""

    #: Pixels, after EXIF orientation.
    width: int
    height: int
    #: `jpeg`, `heic`, ...
    format: str
    #: The camera's wall clock, without a zone.
    taken_at: datetime | None = None
    camera: str | None = None
    #: WGS 84, degrees.
    latitude: float | None = None
    longitude: float | None = None
    #: Keywords that were in the file (IPTC, XMP).
    keywords: tuple[str, ...] = ()


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
    store_tags(
        session,
        {result.photo_id: result.tags for result in kept},
        tagger_id=tagger_id,
        words=words,
        metadata={result.photo_id: result.facts.keywords for result in kept},
    )
    return len(kept)


def store_tags(
    session: Session,
    scored: Mapping[int, Sequence[ScoredTag]],
    *,
    tagger_id: int,
    words: store.Lexicon,
    metadata: Mapping[int, Sequence[str]] | None = None,
) -> None:
    """Replace the tags that photos have from models and, with `metadata`, from their files.

    Rows with a person's decision stay and only get the new scores.
    """
    replaced: list[ColumnElement[bool]] = [PhotoTag.source == Source.CLIP]
    if metadata is not None:
        replaced.append(PhotoTag.source == Source.METADATA)
    for chunk in sql.chunks(scored):
        session.execute(
            delete(PhotoTag).where(
                PhotoTag.photo_id.in_(chunk), PhotoTag.decision.is_(None), or_(*replaced)
            )
        )
    names = [tag.word for found in scored.values() for tag in found]
    names += [word for found in (metadata or {}).values() for word in found]
    tag_ids = store.ensure_tags(session, names, lambda _keys: words)
    _insert_metadata(session, metadata or {}, tag_ids)
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
    statement = sql.insert(session, Embedding)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[Embedding.model_id, Embedding.photo_id],
            set_={"vector": statement.excluded.vector},
        ),
        [
            {"model_id": model_id, "photo_id": result.photo_id, "vector": result.vector}
            for result in results
        ],
    )


def _to_columns(facts: PhotoFacts) -> dict[str, object]:
    names = ("width", "height", "format", "taken_at", "camera", "latitude", "longitude")
    return {name: getattr(facts, name) for name in names}


def _insert_metadata(
    session: Session, keywords: Mapping[int, Sequence[str]], tag_ids: Mapping[str, int]
) -> None:
    rows = {
        (tag_ids[word], photo_id): {
            "tag_id": tag_ids[word],
            "photo_id": photo_id,
            "confidence": 1.0,
            "source": Source.METADATA,
        }
        for photo_id, words in keywords.items()
        for word in words
        if word in tag_ids
    }
    sql.insert_new(session, PhotoTag, list(rows.values()))


def _insert_scored(
    session: Session,
    scored: Mapping[int, Sequence[ScoredTag]],
    tag_ids: Mapping[str, int],
    tagger_id: int,
) -> None:
    rows: dict[tuple[int, int], dict[str, object]] = {}
    for photo_id, found in scored.items():
        for tag in found:  # best first: a worse word for the same tag adds nothing
            row = {"tag_id": tag_ids[tag.word], "photo_id": photo_id, "source": Source.CLIP}
            row |= {"score": tag.score, "similarity": tag.similarity}
            row |= {"confidence": tag.confidence, "tagger_id": tagger_id}
            rows.setdefault((tag_ids[tag.word], photo_id), row)
    if not rows:
        return
    statement = sql.insert(session, PhotoTag)
    scores = ("score", "similarity", "tagger_id")
    upsert = statement.on_conflict_do_update(
        index_elements=[PhotoTag.tag_id, PhotoTag.photo_id],
        set_={name: statement.excluded[name] for name in scores},
    )
    session.execute(upsert, list(rows.values()))
