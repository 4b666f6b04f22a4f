"""Scores stored embeddings again, for another vocabulary, prompt or preset; `kadr retag` calls it.

No photo is opened. An interrupted run continues where it stopped: photos that the new tagger has
already tagged are left out.
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

#: Photos scored and written together: a few megabytes of scores, a short write lock.
_PHOTOS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Retagged:
    """How many photos a run scored, and how many are left to encode."""

    #: Photos scored from their stored embedding.
    scored: int
    #: Photos without an embedding of this model, now pending: they must be encoded.
    to_encode: int


def retag(
    database: Database,
    tagger: Tagger,
    tagger_id: int,
    progress: Progress | None = None,
) -> Retagged:
    """Replace the keywords of every photo that another tagger tagged; a person's decisions stay.

    Args:
        database: The catalogue.
        tagger: What scores from now on.
        tagger_id: The id of its row.
        progress: Called as `progress(done, total)` with numbers of photos.
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
