"""Whatever workers, sweeps and people do in whatever order: the rows are those of a simple model.

A rule-based state machine takes random steps, some of which die before their commit, and compares
all photos with the model after each.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from catalog.db.database import Database
from catalog.db.tables import Photo, PhotoEvent, PhotoFile, PhotoState, PhotoTag
from catalog.photos import lifecycle
from catalog.tags import results, taggers
from tests.support.catalogue import NOW, TAGGER, add_photos, said_of

LEASE_S = 60.0
_MOST_PHOTOS = 12

seconds = st.sampled_from([1, 20, 31, 59, 61, 601, 100_000])
some = st.sets(st.integers(0, _MOST_PHOTOS - 1), min_size=1)


class KilledError(Exception):
    """Stands for a SIGKILL before the commit."""


@dataclass
class Modelled:
    """What the ledger should know of a photo."""

    due_at: datetime | None
    state: PhotoState = PhotoState.PENDING
    attempts: int = 0
    token: str | None = None
    is_waiting: bool = False
    tagged: int = 0

    def is_held(self, token: str) -> bool:
        return self.state is PhotoState.LEASED and self.token == token

    def end_lease(self, state: PhotoState, due_at: datetime | None, *, failed: bool) -> None:
        self.state, self.due_at, self.token, self.is_waiting = state, due_at, None, failed


@dataclass
class Ledger(RuleBasedStateMachine):
    """The ledger of a catalogue beside its model."""

    database: Database
    photos: dict[int, Modelled] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    now: datetime = NOW
    made: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        with self.database.write() as session:
            for table in (PhotoEvent, PhotoTag, PhotoFile, Photo):
                session.execute(delete(table))
            self.tagger_id = taggers.ensure_tagger(session, TAGGER)

    __hash__ = RuleBasedStateMachine.__hash__

    @rule(n=st.integers(1, 4))
    def add(self, n: int) -> None:
        n = min(n, _MOST_PHOTOS - len(self.photos))
        with self.database.write() as session:
            names = [f"{self.made + k}.jpg" for k in range(n)]
            for photo_id in add_photos(session, *names):
                lifecycle.make_due(session, [photo_id], now=self.now)
                self.photos[photo_id] = Modelled(self.now)
        self.made += n

    @rule(after=seconds)
    def wait(self, after: int) -> None:
        self.now += timedelta(seconds=after)

    @rule()
    def set_clock_back(self) -> None:
        self.now -= timedelta(seconds=3600)

    @precondition(lambda self: self.photos)
    @rule(which=some, limit=st.integers(1, 5), dies=st.booleans())
    def claim(self, which: set[int], limit: int, dies: bool) -> None:  # noqa: FBT001
        wanted = self._ids(which)
        free = [i for i in wanted if self.photos[i].state is PhotoState.PENDING]
        found = sorted(free, key=lambda i: (self.photos[i].attempts, i))[:limit]
        fresh = [i for i in found if not self.photos[i].attempts]
        claim = None
        try:
            with self.database.write() as session:
                claim = lifecycle.claim_photos(
                    session, wanted, limit=limit, lease_s=LEASE_S, now=self.now
                )
                _die_if(dies)
        except KilledError:
            return
        taken = [photo.photo_id for photo in claim.photos]
        assert sorted(taken) == sorted(fresh or found[:1])
        self.tokens.append(claim.token)
        for photo_id in taken:
            photo = self.photos[photo_id]
            photo.state, photo.token = PhotoState.LEASED, claim.token
            photo.attempts += 1
            photo.due_at = self.now + timedelta(seconds=LEASE_S)

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(self.tokens))
        with self.database.write() as session:
            renewed = lifecycle.renew_lease(session, token, lease_s=LEASE_S, now=self.now)
        held = self._held(token)
        assert renewed == len(held)
        for photo_id in held:
            self.photos[photo_id].due_at = self.now + timedelta(seconds=LEASE_S)

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), which=some, dies=st.booleans())
    def record(self, data: st.DataObject, which: set[int], dies: bool) -> None:  # noqa: FBT001
        """A worker records results, perhaps of photos that others have by now."""
        token = data.draw(st.sampled_from(self.tokens))
        outcome = data.draw(st.sampled_from(["tagged", "quarantined", "postponed"]))
        ids = self._ids(which)
        held = [photo_id for photo_id in ids if self.photos[photo_id].is_held(token)]
        try:
            with self.database.write() as session:
                done = self._record(session, token, ids, outcome)
                _die_if(dies)
        except KilledError:
            return
        assert done == len(held)
        for photo_id in held:
            photo = self.photos[photo_id]
            if outcome == "tagged":
                photo.end_lease(PhotoState.TAGGED, None, failed=False)
                photo.tagged += 1
            elif outcome == "quarantined":
                photo.end_lease(PhotoState.QUARANTINED, None, failed=True)
            else:
                later = self.now + timedelta(seconds=lifecycle.RETRY_DELAY_S)
                photo.end_lease(PhotoState.PENDING, later, failed=True)
                photo.attempts -= 1

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(self.tokens))
        held = self._held(token)
        with self.database.write() as session:
            released = lifecycle.release_claim(session, token, now=self.now)
        assert sorted(released) == held
        for photo_id in held:
            photo = self.photos[photo_id]
            photo.end_lease(PhotoState.PENDING, self.now, failed=photo.is_waiting)
            photo.attempts -= 1

    @rule(is_queue_empty=st.booleans(), knows_dead=st.booleans())
    def sweep(self, is_queue_empty: bool, knows_dead: bool) -> None:  # noqa: FBT001
        dead = self.tokens if knows_dead else []
        with self.database.write() as session:
            rung = lifecycle.sweep(session, now=self.now, is_queue_empty=is_queue_empty, dead=dead)
        leased = [p for p in self.photos.values() if p.state is PhotoState.LEASED]
        freed = [p for p in leased if p.due_at < self.now or p.token in dead]
        for photo in freed:
            photo.state, photo.token = PhotoState.PENDING, None
        pending = {i: p for i, p in self.photos.items() if p.state is PhotoState.PENDING}
        if freed or (is_queue_empty and len(freed) == len(leased)):
            for photo in pending.values():
                if not photo.is_waiting:
                    photo.due_at = min(photo.due_at, self.now)
        latest = self.now + timedelta(seconds=2 * lifecycle.RING_AGAIN_S)
        due = [i for i, p in pending.items() if p.due_at <= self.now or p.due_at > latest]
        assert sorted(rung) == sorted(due)
        for photo_id in due:
            self.photos[photo_id].due_at = self.now + timedelta(seconds=lifecycle.RING_AGAIN_S)

    @precondition(lambda self: self.photos)
    @rule(which=some)
    def retry(self, which: set[int]) -> None:
        ids = self._ids(which)
        with self.database.write() as session:
            retried = lifecycle.retry(session, ids, now=self.now)
        expected = [i for i in ids if self.photos[i].state is PhotoState.QUARANTINED]
        assert retried == sorted(expected)
        for photo_id in expected:
            self._start_afresh(photo_id)

    @precondition(lambda self: self.photos)
    @rule(which=some)
    def change_bytes(self, which: set[int]) -> None:
        ids = self._ids(which)
        with self.database.write() as session:
            lifecycle.restart(session, ids, now=self.now)
        for photo_id in ids:
            if self.photos[photo_id].state in {PhotoState.LEASED, PhotoState.QUARANTINED}:
                self._start_afresh(photo_id)

    @invariant()
    def rows_are_those_of_the_model(self) -> None:
        with self.database.read() as session:
            found = {
                photo.id: (
                    photo.state,
                    photo.attempts,
                    photo.lease_token,
                    photo.due_at,
                    photo.failure is not None,
                )
                for photo in session.scalars(select(Photo))
            }
            tagged = select(PhotoEvent.photo_id, func.count()).where(PhotoEvent.kind == "tagged")
            times = {row[0]: row[1] for row in session.execute(tagged.group_by("photo_id"))}
        assert found == {
            photo_id: (p.state, p.attempts, p.token, p.due_at, p.is_waiting)
            for photo_id, p in self.photos.items()
        }
        assert times == {i: p.tagged for i, p in self.photos.items() if p.tagged}
        assert all(p.tagged <= 1 and p.attempts >= 0 for p in self.photos.values())

    def _ids(self, which: set[int]) -> list[int]:
        known = sorted(self.photos)
        return [known[index] for index in sorted(which) if index < len(known)]

    def _held(self, token: str) -> list[int]:
        return sorted(i for i, photo in self.photos.items() if photo.is_held(token))

    def _start_afresh(self, photo_id: int) -> None:
        photo = self.photos[photo_id]
        photo.end_lease(PhotoState.PENDING, self.now, failed=False)
        photo.attempts = 0

    def _record(self, session: Session, token: str, ids: list[int], outcome: str) -> int:
        reasons = dict.fromkeys(ids, "because")
        if outcome == "quarantined":
            return lifecycle.quarantine(session, token, reasons, now=self.now)
        if outcome == "postponed":
            return lifecycle.postpone(session, token, reasons, now=self.now)
        facts = results.PhotoFacts(640, 480, "jpeg", said_of())
        vector = np.array([0.5, 0.5, 0.5, 0.5], dtype=np.float32)
        tags = (results.ScoredTag("dog", 0.1, 0.2, 0.9),)
        photos = [results.TaggedPhoto(photo_id, vector, facts, tags) for photo_id in ids]
        return results.record_tagged(
            session, token, photos, tagger_id=self.tagger_id, words={}, now=self.now
        )


def _die_if(dies: bool) -> None:  # noqa: FBT001
    if dies:
        raise KilledError


def test_the_ledger_agrees_with_its_model(database: Database) -> None:
    run_state_machine_as_test(
        lambda: Ledger(database),
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
