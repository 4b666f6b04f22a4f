"""Scores stored embeddings anew: another vocabulary, prompt or preset opens no photo.

A run that is cut off goes on where it was: what carries the new tagger already is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from catalog.db.database import Database
from catalog.photos import lifecycle
from catalog.tags import results, taggers
from worker.reporting import Progress
from worker.tagging.tagger import Tagger

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
    database: Database,
    tagger: Tagger,
    tagger_id: int,
    progress: Progress | None = None,
) -> Retagged:
    """Give every photo that was tagged by another tagger the keywords of this one.

    `progress(done, total)` counts photos. A person's decisions stay (`catalog.tags.results`).
    """
    with database.read() as session:
        total = results.count_outdated(session, tagger_id)
    done = 0
    for photo_ids, vectors in _outdated(database, tagger_id):
        keywords = tagger.scorer.score(vectors)
        with database.write() as session:
            results.store_tags(
                session,
                dict(zip(photo_ids, keywords, strict=True)),
                tagger_id=tagger_id,
                words=tagger.words,
            )
            lifecycle.mark_retagged(session, photo_ids, tagger_id, now=datetime.now(UTC))
        done += len(photo_ids)
        if progress is not None:
            progress(done, total)
    with database.write() as session:
        model_id = taggers.get_model_id(session, tagger_id)
        to_encode = lifecycle.request_encoding(session, model_id, now=datetime.now(UTC))
    return Retagged(done, to_encode)


def _outdated(
    database: Database, tagger_id: int
) -> Iterator[tuple[list[int], "np.typing.NDArray[np.float32]"]]:
    last = 0
    while True:
        with database.read() as session:
            rows = results.find_outdated(session, tagger_id, after=last, limit=_PHOTOS_AT_ONCE)
        if not rows:
            return
        last = rows[-1][0]
        vectors = np.stack([vector for _, vector in rows]).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)  # float16 rounds the length
        yield [photo_id for photo_id, _ in rows], vectors
