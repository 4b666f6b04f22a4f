"""Tags pending photos: claim, decode, encode, score, record.

The next batch is claimed and decoded by other processes while the model works on the current one; a
photo that takes long is left to them, and recorded with a later batch. A Celery task calls
`Pipeline.tag_photos`. If the process dies in between, its leases expire and another worker does the
batch again.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

import numpy as np
import structlog
from numpy.typing import NDArray

from catalog.db.database import Database
from catalog.photos import lifecycle
from catalog.said import Said
from catalog.tags import results
from catalog.tags.results import TaggedPhoto
from worker.decoding.pool import Decoders, DecodersClosedError
from worker.settings import Settings
from worker.tagging import opening
from worker.tagging.heartbeat import Heartbeat
from worker.tagging.opening import OpenedPhoto, Postponed, Unreadable
from worker.tagging.stages import Stages
from worker.tagging.tagger import Tagger
from worker.thumbs.store import ThumbStore

_log = structlog.get_logger()

#: A batch goes on without its slow photos when none was opened for so long.
_PATIENCE_S, _LOOK_EVERY_S = 1.0, 0.25
#: The same while none is open yet: the decoders may just be starting.
_FIRST_PATIENCE_S = 5.0
#: Times that a decoder may hang with a photo before it is quarantined.
_MAX_HUNG = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many photos were tagged, quarantined and postponed."""

    tagged: int = 0
    quarantined: int = 0
    postponed: int = 0
    #: Photos that were not begun, since others that arrived go first.
    left: tuple[int, ...] = ()

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.tagged + other.tagged,
            self.quarantined + other.quarantined,
            self.postponed + other.postponed,
            self.left + other.left,
        )


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """How much is done at once, and how long a claim lasts without being renewed."""

    batch_size: int = 32
    decode_threads: int = 4
    lease_s: float = 60.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the part of the settings that the pipeline uses."""
        return cls(
            batch_size=settings.batch_size,
            decode_threads=settings.decode_threads,
            lease_s=settings.lease_s,
        )


@dataclass(slots=True)
class _Opening:
    """A claimed photo that is being opened."""

    token: str
    photo: "Future[opening.Result]"
    #: Whether the others of its batch went on without it.
    is_late: bool = False


def _is_cut_off(photo: _Opening) -> bool:
    """Return whether the decoders were closed while a photo was being opened."""
    return isinstance(photo.photo.exception(), DecodersClosedError)


class Pipeline:
    """Tags photos in batches. One per process; its methods are called by one thread at a time."""

    def __init__(
        self,
        database: Database,
        tagger: Tagger,
        tagger_id: int,
        settings: PipelineSettings,
        decoders: Decoders,
        *,
        pictures: ThumbStore | None = None,
        stages: Stages | None = None,
        stopping: threading.Event | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._tagger = tagger
        self._tagger_id = tagger_id
        self._settings = settings
        self._decoders = decoders
        #: Where small pictures of photos are kept, if they are made.
        self._pictures = pictures
        self._stages = stages or Stages()
        self._clock = clock
        #: Set to end after the current batch; photos claimed ahead are released.
        self.stopping = stopping or threading.Event()
        #: Leases of the photos in hand.
        self._tokens: set[str] = set()
        self._hung: Counter[int] = Counter()

    def tag_photos(
        self, photo_ids: Sequence[int], *, is_overtaken: Callable[[], bool] = lambda: False
    ) -> Outcome:
        """Tag those of the photos that are pending and not claimed by another worker.

        Once `is_overtaken` says that others go first, no further batch is begun.
        """
        outcome, hand, ends = Outcome(), list[_Opening](), False
        left = list(dict.fromkeys(photo_ids))  # each is claimed once: some are soon pending again
        with (
            ThreadPoolExecutor(self._settings.decode_threads, "decode") as threads,
            Heartbeat(self._database, self._settings.lease_s, self._clock) as heartbeat,
        ):
            try:
                hand = self._begin(left, threads, heartbeat)
                while hand and not self.stopping.is_set() and not self._decoders.is_closed:
                    ends = ends or is_overtaken()
                    if len(hand) < 2 * self._settings.batch_size and not ends:
                        ahead = self._begin(left, threads, heartbeat)
                    else:  # too many photos take long: no more until some of them are open
                        ahead = []
                    with self._stages.timed("decode"):
                        ready = self._wait_for(hand)
                    outcome += self._finish(ready)
                    hand = [photo for photo in hand if photo not in ready] + ahead
                    self._forget_all_but(hand, heartbeat)
                    if not hand and not ends:
                        hand = self._begin(left, threads, heartbeat)
            finally:
                for photo in hand:
                    photo.photo.cancel()
            self.give_back()
        return replace(outcome, left=tuple(left)) if ends else outcome

    def give_back(self) -> None:
        """Release the photos that are claimed and not recorded; any thread may call this.

        A result that comes later is dropped, since its lease is over.
        """
        tokens, self._tokens = self._tokens, set()
        for token in sorted(tokens):
            with self._database.write() as session:
                given = lifecycle.release_claim(session, token, now=self._clock())
            _log.info("claim_given_back", photos=len(given))

    def _begin(
        self, left: list[int], threads: ThreadPoolExecutor, heartbeat: Heartbeat
    ) -> list[_Opening]:
        """Claim a batch of what is left and start to open it; return nothing if none is pending."""
        settings = self._settings
        with self._database.write() as session:
            claim = lifecycle.claim_photos(
                session,
                left,
                limit=settings.batch_size,
                lease_s=settings.lease_s,
                now=self._clock(),
            )
        if not claim.photos:
            return []
        claimed = {photo.photo_id for photo in claim.photos}
        left[:] = [photo_id for photo_id in left if photo_id not in claimed]
        self._tokens.add(claim.token)
        heartbeat.keep(claim.token)
        wanted = self._tagger.encoder.preprocess
        return [
            _Opening(
                claim.token,
                threads.submit(opening.open_claimed, photo, wanted, self._decoders, self._pictures),
            )
            for photo in claim.photos
        ]

    def _wait_for(self, hand: Sequence[_Opening]) -> list[_Opening]:
        """Return a batch of photos that are open, once all are or the others take long."""
        awaited = [photo for photo in hand if not photo.is_late] or hand
        before, still_s = 0, 0.0
        while still_s < (_PATIENCE_S if before else _FIRST_PATIENCE_S):
            if self.stopping.is_set():
                break
            done, others = wait([photo.photo for photo in awaited], timeout=_LOOK_EVERY_S)
            if not others:
                break
            still_s = 0.0 if len(done) > before else still_s + _LOOK_EVERY_S
            before = len(done)
        ready = [photo for photo in hand if photo.photo.done() and not _is_cut_off(photo)]
        for photo in awaited:
            photo.is_late = not photo.photo.done()
        return ready[: self._settings.batch_size]

    def _forget_all_but(self, hand: Sequence[_Opening], heartbeat: Heartbeat) -> None:
        """Stop renewing the leases whose photos are all recorded."""
        for token in self._tokens - {photo.token for photo in hand}:
            heartbeat.forget(token)
            self._tokens.discard(token)

    def _finish(self, ready: Sequence[_Opening]) -> Outcome:
        """Encode, score and record the photos that were opened."""
        found = [(photo.token, photo.photo.result()) for photo in ready]
        tokens = {photo.photo_id: token for token, photo in found}
        results_ = [self._refused_if_hung(photo) for _, photo in found]
        with self._stages.timed("encode"):
            encoded, refused = self._encode([p for p in results_ if isinstance(p, OpenedPhoto)])
        with self._stages.timed("score"):
            scored = self._score(encoded)
        unreadable = [*(p for p in results_ if isinstance(p, Unreadable)), *refused]
        postponed = [photo for photo in results_ if isinstance(photo, Postponed)]
        outcome = Outcome()
        for token in dict.fromkeys(tokens.values()):
            with self._stages.timed("record"):
                outcome += self._record(
                    token,
                    [photo for photo in scored if tokens[photo.photo_id] == token],
                    [photo for photo in unreadable if tokens[photo.photo_id] == token],
                    {p.photo_id: p.reason for p in postponed if tokens[p.photo_id] == token},
                )
        for photo_id, reason in [(photo.photo_id, photo.reason) for photo in unreadable]:
            _log.info("photo_quarantined", photo_id=photo_id, reason=reason)
        return outcome

    def _record(
        self,
        token: str,
        scored: Sequence[TaggedPhoto],
        unreadable: Sequence[Unreadable],
        waiting: Mapping[int, str],
    ) -> Outcome:
        """Record the photos of one lease in one transaction."""
        now = self._clock()
        reasons = {photo.photo_id: photo.reason for photo in unreadable}
        said = {photo.photo_id: photo.said for photo in unreadable}
        with self._database.write() as session:
            tagged = results.record_tagged(
                session,
                token,
                scored,
                tagger_id=self._tagger_id,
                words=self._tagger.words,
                now=now,
            )
            owned = lifecycle.find_owned(session, token, said)
            results.record_metadata(
                session,
                {photo_id: said[photo_id] for photo_id in owned},
                words=self._tagger.words,
                now=now,
            )
            quarantined = lifecycle.quarantine(session, token, reasons, now=now)
            put_off = lifecycle.postpone(session, token, waiting, now=now)
        return Outcome(tagged, quarantined, put_off)

    def _refused_if_hung(self, photo: opening.Result) -> opening.Result:
        """Refuse a photo whose decoder hung again and again, for no reason of the machine's."""
        if not isinstance(photo, Postponed) or not photo.is_to_blame:
            return photo
        self._hung[photo.photo_id] += 1
        if self._hung[photo.photo_id] < _MAX_HUNG:
            return photo
        del self._hung[photo.photo_id]
        reason = photo.reason.replace("it is tried again, ", "")
        return Unreadable(photo.photo_id, reason, Said())

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
