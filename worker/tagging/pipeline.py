"""Tags pending photos: claim, decode, encode, score, record.

The next batch is claimed and decoded in threads while the model works on the current one. A Celery
task calls `Pipeline.tag_photos`. If the process dies in between, its leases expire and another
worker does the batch again.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

import numpy as np
import structlog
from numpy.typing import NDArray

from catalog.db.database import Database
from catalog.photos import lifecycle
from catalog.tags import results
from catalog.tags.results import TaggedPhoto
from worker.images import Limits
from worker.settings import Settings
from worker.tagging import opening
from worker.tagging.heartbeat import Heartbeat
from worker.tagging.opening import OpenedPhoto, Postponed, Unreadable
from worker.tagging.tagger import Tagger

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many photos were tagged, quarantined and postponed."""

    tagged: int = 0
    quarantined: int = 0
    postponed: int = 0

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.tagged + other.tagged,
            self.quarantined + other.quarantined,
            self.postponed + other.postponed,
        )


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """How much is done at once, and how long a claim lasts without being renewed."""

    batch_size: int = 32
    decode_threads: int = 4
    lease_s: float = 60.0
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the part of the settings that the pipeline uses."""
        return cls(
            batch_size=settings.batch_size,
            decode_threads=settings.decode_threads,
            lease_s=settings.lease_s,
            limits=Limits(
                max_pixels=settings.max_pixels,
                max_bytes=settings.max_bytes,
                takes_truncated=settings.truncated == "tag",
            ),
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    token: str
    photos: Sequence["Future[opening.Result]"]


class Pipeline:
    """Tags photos in batches. One per process; its methods are called by one thread at a time."""

    def __init__(
        self,
        database: Database,
        tagger: Tagger,
        tagger_id: int,
        settings: PipelineSettings,
        *,
        stopping: threading.Event | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._tagger = tagger
        self._tagger_id = tagger_id
        self._settings = settings
        self._clock = clock
        #: Set to end after the current batch; photos claimed ahead are released.
        self.stopping = stopping or threading.Event()

    def tag_photos(self, photo_ids: Sequence[int]) -> Outcome:
        """Tag those of the photos that are pending and not claimed by another worker."""
        outcome = Outcome()
        with (
            ThreadPoolExecutor(self._settings.decode_threads, "decode") as pool,
            Heartbeat(self._database, self._settings.lease_s, self._clock) as heartbeat,
        ):
            ahead = self._begin(photo_ids, pool, heartbeat)
            while ahead is not None and not self.stopping.is_set():
                batch, ahead = ahead, self._begin(photo_ids, pool, heartbeat)
                outcome += self._finish(batch)
                heartbeat.forget(batch.token)
            if ahead is not None:
                self._give_back(ahead)
        return outcome

    def _begin(
        self, photo_ids: Sequence[int], pool: ThreadPoolExecutor, heartbeat: Heartbeat
    ) -> _Batch | None:
        """Claim a batch and start to decode it; return None if no photo is left."""
        settings = self._settings
        with self._database.write() as session:
            claim = lifecycle.claim_photos(
                session,
                photo_ids,
                limit=settings.batch_size,
                lease_s=settings.lease_s,
                now=self._clock(),
            )
        if not claim.photos:
            return None
        heartbeat.keep(claim.token)
        wanted = self._tagger.encoder.preprocess
        futures = [
            pool.submit(opening.open_claimed, photo, wanted, settings.limits)
            for photo in claim.photos
        ]
        return _Batch(claim.token, futures)

    def _finish(self, batch: _Batch) -> Outcome:
        """Encode, score and record the photos that were decoded."""
        found = [future.result() for future in batch.photos]
        unreadable = [photo for photo in found if isinstance(photo, Unreadable)]
        postponed = [photo for photo in found if isinstance(photo, Postponed)]
        encoded, refused = self._encode([p for p in found if isinstance(p, OpenedPhoto)])
        scored = self._score(encoded)
        now = self._clock()
        with self._database.write() as session:
            tagged = results.record_tagged(
                session,
                batch.token,
                scored,
                tagger_id=self._tagger_id,
                words=self._tagger.words,
                now=now,
            )
            reasons = {photo.photo_id: photo.reason for photo in [*unreadable, *refused]}
            said = {photo.photo_id: photo.said for photo in [*unreadable, *refused]}
            owned = lifecycle.find_owned(session, batch.token, said)
            said = {photo_id: said[photo_id] for photo_id in owned}
            results.record_metadata(session, said, words=self._tagger.words, now=now)
            quarantined = lifecycle.quarantine(session, batch.token, reasons, now=now)
            waiting = {photo.photo_id: photo.reason for photo in postponed}
            put_off = lifecycle.postpone(session, batch.token, waiting, now=now)
        for photo in [*unreadable, *refused]:
            _log.info("photo_quarantined", photo_id=photo.photo_id, reason=photo.reason)
        return Outcome(tagged, quarantined, put_off)

    def _encode(
        self, photos: Sequence[OpenedPhoto]
    ) -> tuple[list[tuple[OpenedPhoto, NDArray[np.float32]]], list[Unreadable]]:
        """Encode photos; a batch that fails is halved until the photo that fails it is found."""
        if not photos:
            return [], []
        try:
            vectors = self._tagger.encoder.encode_images(np.stack([p.pixels for p in photos]))
        except RuntimeError as error:  # torch's: out of memory, a kernel that fails
            _log.warning("batch_failed", photos=len(photos), reason=str(error).splitlines()[0])
            if len(photos) == 1:
                return [], [photos[0].refused(f"the model failed on it ({error})")]
            half = len(photos) // 2
            first, second = self._encode(photos[:half]), self._encode(photos[half:])
            return first[0] + second[0], first[1] + second[1]
        finite = [bool(np.isfinite(vector).all()) for vector in vectors]
        good = [(p, v) for p, v, ok in zip(photos, vectors, finite, strict=True) if ok]
        bad = [
            p.refused("the model returned NaN")
            for p, ok in zip(photos, finite, strict=True)
            if not ok
        ]
        return good, bad

    def _score(
        self, encoded: Sequence[tuple[OpenedPhoto, NDArray[np.float32]]]
    ) -> list[TaggedPhoto]:
        if not encoded:
            return []
        keywords = self._tagger.scorer.score(np.stack([vector for _, vector in encoded]))
        return [
            TaggedPhoto(photo.photo_id, vector, photo.facts, tuple(found))
            for (photo, vector), found in zip(encoded, keywords, strict=True)
        ]

    def _give_back(self, batch: _Batch) -> None:
        for future in batch.photos:
            future.cancel()
        with self._database.write() as session:
            given = lifecycle.release_claim(session, batch.token, now=self._clock())
        _log.info("claim_given_back", photos=len(given))
