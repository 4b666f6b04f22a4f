"""The tables of the web process: who may enter, what it was asked to do, whom it tells.

They say nothing about photos: `catalog.access`, `catalog.jobs` and `catalog.hooks` read and write
them. `migrations/` creates them.
"""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import JSON

from catalog.db.tables import Base
from catalog.db.types import by_value


class Scope(enum.StrEnum):
    """What somebody may do; each includes those before it."""

    #: See photos and everything about them.
    READ = "read"
    #: Decide about keywords, and undo.
    DECIDE = "decide"
    #: Start scans, try photos again, read metrics.
    ADMIN = "admin"


class JobState(enum.StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class WebSession(Base):
    """A browser that logged in. Only a digest is kept: who reads this table cannot enter."""

    __tablename__ = "web_session"

    #: sha256 of the cookie's value, hexadecimal.
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Token(Base):
    """A token of a script; only a digest of it is kept."""

    __tablename__ = "token"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: What people call it.
    name: Mapped[str] = mapped_column(unique=True)
    #: sha256 of the token, hexadecimal.
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scope: Mapped[Scope] = mapped_column(by_value(Scope))
    created_at: Mapped[datetime]
    #: None for one that does not end.
    expires_at: Mapped[datetime | None]
    #: To within an hour.
    used_at: Mapped[datetime | None]


class Webhook(Base):
    """An address that is told of events, in their order."""

    __tablename__ = "webhook"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(unique=True)
    #: Kinds of events: `tagged`, `decided`, ...
    events: Mapped[list[str]] = mapped_column(JSON)
    #: The key of the signature.
    secret: Mapped[str]
    #: The last event that it was told of, a `photo_event.id`.
    told: Mapped[int] = mapped_column(BigInteger)
    #: When it is tried again; None while it takes what it is sent.
    due_at: Mapped[datetime | None]
    #: Since when and why it does not.
    failing_since: Mapped[datetime | None]
    failure: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    #: Since when it is not tried any more.
    off_since: Mapped[datetime | None]


class Job(Base):
    """Work that takes longer than a request: a large decision, groups, a scan."""

    __tablename__ = "job"

    #: 32 hexadecimal digits.
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[JobState] = mapped_column(by_value(JobState))
    #: What was asked for.
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    failure: Mapped[str | None]
    created_at: Mapped[datetime]
    #: When its process was last alive: another one takes over what has stood still.
    seen_at: Mapped[datetime]

    __table_args__ = (Index(None, "state", "seen_at"),)


class Answered(Base):
    """A request that was carried out, so that its repetition gets the same answer."""

    __tablename__ = "answered"

    #: sha256 of who asked and of the Idempotency-Key, hexadecimal.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: sha256 of the request's body: another body under the same key is an error.
    body: Mapped[str] = mapped_column(String(64))
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(index=True)


class WorkerSeen(Base):
    """A process that tags, as it last reported itself."""

    __tablename__ = "worker_seen"

    #: Host and process.
    name: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    #: For each stage how often and how long: `{"decode": {"count": 3, "seconds": 0.4}}`.
    stages: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default=text("'{}'"))
