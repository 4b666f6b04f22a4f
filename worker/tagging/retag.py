"""Scores stored embeddings anew: another vocabulary, prompt or preset opens no photo.

A run that is cut off goes on where it was: what carries the new tagger already is left out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from catalog.db.database import Database
from catalog.db.tables import Embedding, Photo, PhotoState
from catalog.photos import files
from catalog.tags import results
from worker.tagging.pipeline import Tagger

#: Photos scored and written together: some megabytes of scores, a short write lock.
_PHOTOS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Retagged:
    """What a run did."""

    #: Photos scored from their stored embedding.
    scored: int
    #: Photos that have no embedding of this model: pending, to be opened and encoded.
    to_encode: int


def retag(
    database: Database, tagger: Tagger, progress: Callable[[int, int], None] | None = None
) -> Retagged:
    """Give every photo that was tagged by another tagger the keywords of this one.

    `progress(done, total)` counts photos. A person's decisions stay (`catalog.tags.results`).
    """
    identity = tagger.identity
    with database.read() as session:
        total = _count(session, tagger)
    done = 0
    for photo_ids, vectors in _outdated(database, tagger):
        keywords = tagger.scorer.score(vectors)
        with database.write() as session:
            results.store_tags(
                session,
                dict(zip(photo_ids, keywords, strict=True)),
                tagger_id=identity.tagger_id,
                words=tagger.words,
            )
            _mark_tagged(session, photo_ids, identity.tagger_id)
        done += len(photo_ids)
        if progress is not None:
            progress(done, total)
    with database.write() as session:
        return Retagged(done, _request_encoding(session, tagger))


def _outdated(
    database: Database, tagger: Tagger
) -> Iterator[tuple[list[int], "np.typing.NDArray[np.float32]"]]:
    last = 0
    while True:
        query = (
            select(Embedding.photo_id, Embedding.vector)
            .join(Photo, Photo.id == Embedding.photo_id)
            .where(
                Embedding.model_id == tagger.identity.model_id,
                Embedding.photo_id > last,
                Photo.state == PhotoState.TAGGED,
                Photo.tagger_id.is_distinct_from(tagger.identity.tagger_id),
            )
            .order_by(Embedding.photo_id)
            .limit(_PHOTOS_AT_ONCE)
        )
        with database.read() as session:
            rows = session.execute(query).all()
        if not rows:
            return
        last = rows[-1][0]
        vectors = np.stack([vector for _, vector in rows]).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)  # float16 rounds the length
        yield [photo_id for photo_id, _ in rows], vectors


def _count(session: Session, tagger: Tagger) -> int:
    query = (
        select(func.count(Photo.id))
        .join(Embedding, Embedding.photo_id == Photo.id)
        .where(
            Embedding.model_id == tagger.identity.model_id,
            Photo.state == PhotoState.TAGGED,
            Photo.tagger_id.is_distinct_from(tagger.identity.tagger_id),
        )
    )
    return session.scalar(query) or 0


def _mark_tagged(session: Session, photo_ids: list[int], tagger_id: int) -> None:
    now = datetime.now(UTC)
    session.execute(
        update(Photo).where(Photo.id.in_(photo_ids)).values(tagger_id=tagger_id, tagged_at=now)
    )
    files.add_events(session, photo_ids, "retagged", now=now)


def _request_encoding(session: Session, tagger: Tagger) -> int:
    """Make photos pending that this model has not seen; their old keywords stay until then."""
    encoded = exists().where(
        Embedding.photo_id == Photo.id, Embedding.model_id == tagger.identity.model_id
    )
    requested = session.scalars(
        update(Photo)
        .where(Photo.state == PhotoState.TAGGED, ~encoded)
        .values(state=PhotoState.PENDING, attempts=0, due_at=datetime.now(UTC), failure=None)
        .returning(Photo.id)
        .execution_options(synchronize_session=False)
    )
    return len(requested.all())
