"""The tables of the catalogue, which all of `catalog` reads and writes.

`migrations/` creates them; a test checks that both agree.
"""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import (
    REAL,
    DateTime,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import JSON, BigInteger

from catalog.db.types import BigId, Key, StoredVector, UtcDateTime, by_value
from catalog.said import TakenPrecision

#: The newest migration. A test compares it with what is in `migrations/`: reading it here spares
#: `kadr search` the import of Alembic.
HEAD_REVISION = "0006"

#: The condition of `photo_tag`'s partial index on SQLite. The migration has the one for PostgreSQL:
#: here it would load that dialect wherever a table is imported, 30 ms at every start.
_ALIVE = text("decision IS NOT 'rejected'")


class PhotoState(enum.StrEnum):
    """The state of a photo; only `catalog.photos.lifecycle` sets it."""

    PENDING = "pending"
    LEASED = "leased"
    TAGGED = "tagged"
    QUARANTINED = "quarantined"


class Source(enum.StrEnum):
    """Where a photo's tag comes from; of several sources the strongest: person, metadata, clip."""

    CLIP = "clip"
    METADATA = "metadata"
    PERSON = "person"


class Decision(enum.StrEnum):
    """A person's decision about a tag on a photo, which tagging again never changes."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class SidecarState(enum.StrEnum):
    """What is to be done with a sidecar; only `catalog.photos.sidecars` sets it."""

    #: Its content is known, and nothing is to be written.
    SEEN = "seen"
    #: The catalogue has something to say that it lacks.
    DUE = "due"
    LEASED = "leased"
    WRITTEN = "written"
    #: Another program takes our words out again and again; left alone.
    CONTESTED = "contested"
    FAILED = "failed"


class Base(DeclarativeBase):
    """Base of all tables, with one naming convention for their constraints."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), str: Text(), float: REAL()}  # noqa: RUF012


class Setting(Base):
    """A value by its key; see `catalog.db.remembered`."""

    __tablename__ = "setting"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class Root(Base):
    """A watched folder. Files are stored relative to it, so each host can mount it elsewhere."""

    __tablename__ = "root"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: What people call it; unique.
    name: Mapped[str] = mapped_column(unique=True)
    #: Absolute path on the host that registered it, in the form of `catalog.paths`.
    path: Mapped[str] = mapped_column(unique=True)
    #: A file system that sends no events is polled.
    polled: Mapped[bool] = mapped_column(default=False)
    #: What is written into sidecars below it (`off`, `confirmed`, or a confidence such as `0.7`);
    #: None follows `KADR_SIDECARS`.
    sidecars: Mapped[str | None] = mapped_column(String(16))


class Model(Base):
    """An encoder whose vectors are in this catalogue; the digest is its identity."""

    __tablename__ = "model"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: As given to `--model`, e.g. `ViT-B-32-quickgelu/openai` or `starter`.
    name: Mapped[str]
    #: sha256 of weights and configuration, hexadecimal.
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    #: Length of its vectors.
    dim: Mapped[int]


class Tagger(Base):
    """Model, vocabulary, prompts and scoring; the scores of one tagger are comparable."""

    __tablename__ = "tagger"

    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("model.id"))
    #: Name and sha256 of the words.
    vocabulary: Mapped[str]
    vocabulary_digest: Mapped[str] = mapped_column(String(64))
    #: The prompt templates, and their sha256.
    prompts: Mapped[list[str]] = mapped_column(JSON)
    prompt_digest: Mapped[str] = mapped_column(String(64))
    #: Settings of the scoring, readable, and their sha256.
    scoring: Mapped[dict[str, Any]] = mapped_column(JSON)
    scoring_digest: Mapped[str] = mapped_column(String(64))

    __table_args__ = (
        UniqueConstraint(
            "model_id",
            "vocabulary_digest",
            "prompt_digest",
            "scoring_digest",
            name="uq_tagger_identity",  # the convention's name exceeds PostgreSQL's 63 bytes
        ),
    )


class Photo(Base):
    """A photo: one row per content. Its files are `PhotoFile` rows."""

    __tablename__ = "photo"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: sha256 of the file's bytes (32 bytes), as last seen: metadata may change it.
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    #: sha256 of what is seen, without metadata (32 bytes); None where the format allows none, or
    #: for a photo of an old catalogue that was not seen since.
    image_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32), index=True)
    #: The photo whose picture replaced this one in its file, and that inherited its decisions.
    #: No foreign key: SQLite adds none to an existing table; `photos.files.prune` keeps it true.
    superseded_by_id: Mapped[int | None] = mapped_column(BigId)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    #: Pixels after EXIF orientation; unknown until decoded.
    width: Mapped[int | None]
    height: Mapped[int | None]
    #: `jpeg`, `heic`, `nef`, ...: what the content is, whatever the name says.
    format: Mapped[str | None] = mapped_column(String(16))
    #: The camera's wall clock: no zone, since most cameras record none.
    taken_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    #: None means that all of it is known.
    taken_precision: Mapped[TakenPrecision | None] = mapped_column(by_value(TakenPrecision))
    #: Minutes east of UTC of the camera's clock, where it says so.
    taken_offset_minutes: Mapped[int | None] = mapped_column(SmallInteger)
    #: Where each fact came from, by its column: `{"taken_at": "XMP of IMG_1.jpg.xmp"}`.
    fact_sources: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    #: At most 33 bytes that look like the photo while it loads; see evanw/thumbhash.
    thumbhash: Mapped[bytes | None] = mapped_column(LargeBinary(33))
    #: Rows of pixels that a cut-off file lacks, where it was tagged all the same.
    truncated_rows: Mapped[int | None]
    camera: Mapped[str | None]
    #: WGS 84, degrees.
    latitude: Mapped[float | None] = mapped_column(Double())
    longitude: Mapped[float | None] = mapped_column(Double())
    state: Mapped[PhotoState] = mapped_column(
        by_value(PhotoState), default=PhotoState.PENDING, server_default=PhotoState.PENDING.value
    )
    #: Claims since it became pending; a worker died with one that has several.
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    #: Who works on it; only the holder of the token may record a result.
    lease_token: Mapped[str | None] = mapped_column(String(32))
    #: When the sweep looks again: a pending photo is then rung for, a lease is then over.
    due_at: Mapped[datetime | None]
    #: Why it is quarantined, or what went wrong in the last attempt.
    failure: Mapped[str | None]
    #: What made its machine tags.
    tagger_id: Mapped[int | None] = mapped_column(ForeignKey("tagger.id"))
    #: First seen.
    added_at: Mapped[datetime]
    tagged_at: Mapped[datetime | None]
    #: When the last of its files went; None while it lies somewhere. `photos.files` keeps it.
    missing_since: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "state", "due_at"),
        Index(None, "taken_at", "id"),
        Index(None, "added_at", "id"),
        Index(None, "tagger_id", "id"),
        Index("ix_photo_missing", "id", sqlite_where=text("missing_since IS NOT NULL")),
        Index(
            "ix_photo_superseded",
            "superseded_by_id",
            sqlite_where=text("superseded_by_id IS NOT NULL"),
        ),
    )


class PhotoFile(Base):
    """A file: one row per path. A moved photo gets another row here and keeps its tags."""

    __tablename__ = "photo_file"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    root_id: Mapped[int] = mapped_column(ForeignKey("root.id", ondelete="CASCADE"))
    #: Relative to the root, `/` between parts, in the form of `catalog.paths`.
    path: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    #: Changes with every write, whatever a program does to mtime; None until seen again.
    ctime_ns: Mapped[int | None] = mapped_column(BigInteger)
    #: The embedded keywords as last read.
    words: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    #: None while the file cannot be read: then `failure` says why.
    photo_id: Mapped[int | None] = mapped_column(ForeignKey("photo.id"))
    failure: Mapped[str | None]
    #: Since when it is gone; None while it is there.
    missing_since: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("root_id", "path"),
        Index(None, "photo_id", "missing_since"),
    )


class Sidecar(Base):
    """An XMP file beside a photo: what it says, and what Kadr wrote into it."""

    __tablename__ = "sidecar"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    root_id: Mapped[int] = mapped_column(ForeignKey("root.id", ondelete="CASCADE"))
    #: Relative to the root, or absolute in KADR_SIDECAR_DIR, in the form of `catalog.paths`.
    path: Mapped[str]
    #: The file that it belongs to; None if that is not known.
    file_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("photo_file.id", ondelete="SET NULL"), index=True
    )
    #: None while it is only planned.
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    mtime_ns: Mapped[int | None] = mapped_column(BigInteger)
    ctime_ns: Mapped[int | None] = mapped_column(BigInteger)
    #: sha256 of its bytes (32 bytes) as last seen.
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    #: The keywords of other programs, as last read.
    words: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    #: The strings that Kadr wrote and may take out again: `{"flat": [...], "paths": [...]}`.
    wrote: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    #: sha256 of its bytes after Kadr's last write: such a file rings nothing.
    wrote_sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    #: Kadr made it, so it may delete it.
    is_ours: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Our words that another program took out; they are not written again.
    withdrawn: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    state: Mapped[SidecarState] = mapped_column(
        by_value(SidecarState),
        default=SidecarState.SEEN,
        server_default=SidecarState.SEEN.value,
    )
    due_at: Mapped[datetime | None]
    lease_token: Mapped[str | None] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    failure: Mapped[str | None]
    missing_since: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("root_id", "path"),
        Index(None, "state", "due_at"),
    )


class PhotoEvent(Base):
    """An event in a photo's history, for `kadr show` and for undo."""

    __tablename__ = "photo_event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    photo_id: Mapped[int] = mapped_column(ForeignKey("photo.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    #: A value of `catalog.photos.history.EventKind`.
    kind: Mapped[str] = mapped_column(String(24))
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    #: The decision that the event is part of, or takes back; `catalog.decisions` undoes by it.
    change_id: Mapped[str | None] = mapped_column(String(32))

    __table_args__ = (
        Index(
            "ix_photo_event_change",
            *("change_id", "kind", "photo_id"),
            sqlite_where=text("change_id IS NOT NULL"),
        ),
        # Webhooks, live pages and kept answers remember ids: none may come back after `kadr prune`.
        {"sqlite_autoincrement": True},
    )


class Embedding(Base):
    """The vector of a photo by a model; with it a new vocabulary needs no photo opened again."""

    __tablename__ = "embedding"

    model_id: Mapped[int] = mapped_column(ForeignKey("model.id"), primary_key=True)
    photo_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("photo.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    #: (dim,) float16, L2-normalised.
    vector: Mapped[Any] = mapped_column(StoredVector())


class Tag(Base):
    """A keyword in its one canonical form."""

    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: As shown: NFC, otherwise as the vocabulary writes it.
    name: Mapped[str]
    #: The name's form for look-ups (`catalog.spelling.fold`); unique.
    key: Mapped[str] = mapped_column(Key, unique=True)
    #: How many photos had it when `catalog.tags.counts` last counted: for plans and completion.
    photos: Mapped[int] = mapped_column(default=0, server_default="0")
    #: The broader word, where known: a search for it finds this one.
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("tag.id"), index=True)


class TagAlias(Base):
    """Another word for a tag: plural, synonym, another language."""

    __tablename__ = "tag_alias"

    #: The alias's form for look-ups.
    key: Mapped[str] = mapped_column(Key, primary_key=True)
    name: Mapped[str]
    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id", ondelete="CASCADE"), index=True)
    #: BCP 47, where it is not the vocabulary's own language.
    language: Mapped[str | None] = mapped_column(String(16))


class PhotoTag(Base):
    """A keyword on a photo, with its scores and where it came from."""

    __tablename__ = "photo_tag"

    tag_id: Mapped[int] = mapped_column(ForeignKey("tag.id"), primary_key=True)
    photo_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("photo.id", ondelete="CASCADE"), primary_key=True
    )
    #: The paper's score: share of the softmax over the vocabulary. None if no model saw it.
    score: Mapped[float | None]
    #: Cosine of image and word vector.
    similarity: Mapped[float | None]
    #: In [0, 1]; comparable over words and models. 1 where a person says so.
    confidence: Mapped[float]
    source: Mapped[Source] = mapped_column(by_value(Source))
    decision: Mapped[Decision | None] = mapped_column(by_value(Decision))
    tagger_id: Mapped[int | None] = mapped_column(ForeignKey("tagger.id"))

    __table_args__ = (
        # Both answer alone: the row itself lies elsewhere, and a page asks thousands of times.
        Index("ix_photo_tag_of_photo", "photo_id", "tag_id", "confidence", "decision"),
        Index(
            "ix_photo_tag_ranked",
            *("tag_id", "confidence", "photo_id", "decision"),
            sqlite_where=_ALIVE,
        ),
        {"sqlite_with_rowid": False},
    )
