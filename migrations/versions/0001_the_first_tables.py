"""Create the first tables: roots, photos and their files, models, embeddings, tags."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class _Halfvec(sa.types.UserDefinedType[Any]):
    """pgvector's float16 vector type, without a fixed dimension."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "halfvec"


def _vector_type() -> sa.types.TypeEngine[Any]:
    """Return `halfvec` if the server has pgvector and permits the extension, else bytes."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return sa.LargeBinary()
    if not connection.scalar(
        sa.text("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")
    ):
        return sa.LargeBinary()
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS vector"))
    except sa.exc.ProgrammingError:  # only an administrator may create extensions
        return sa.LargeBinary()
    return _Halfvec()


def upgrade() -> None:
    op.create_table(
        "model",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
        sa.UniqueConstraint("digest", name=op.f("uq_model_digest")),
    )
    op.create_table(
        "root",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("polled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_root")),
        sa.UniqueConstraint("name", name=op.f("uq_root_name")),
        sa.UniqueConstraint("path", name=op.f("uq_root_path")),
    )
    op.create_table(
        "setting",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_setting")),
    )
    op.create_table(
        "tag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", _KEY, nullable=False),
        sa.Column("photos", sa.Integer(), server_default="0", nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["parent_id"], ["tag.id"], name=op.f("fk_tag_parent_id_tag")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint("key", name=op.f("uq_tag_key")),
    )
    op.create_index(op.f("ix_tag_parent_id"), "tag", ["parent_id"], unique=False)
    op.create_table(
        "tag_alias",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tag.id"], name=op.f("fk_tag_alias_tag_id_tag"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_tag_alias")),
    )
    op.create_index(op.f("ix_tag_alias_tag_id"), "tag_alias", ["tag_id"], unique=False)
    op.create_table(
        "tagger",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("vocabulary", sa.Text(), nullable=False),
        sa.Column("vocabulary_digest", sa.String(length=64), nullable=False),
        sa.Column("prompts", sa.JSON(), nullable=False),
        sa.Column("prompt_digest", sa.String(length=64), nullable=False),
        sa.Column("scoring", sa.JSON(), nullable=False),
        sa.Column("scoring_digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_tagger_model_id_model")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tagger")),
        sa.UniqueConstraint(
            "model_id",
            "vocabulary_digest",
            "prompt_digest",
            "scoring_digest",
            name="uq_tagger_identity",
        ),
    )
    op.create_table(
        "photo",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("format", sa.String(length=16), nullable=True),
        sa.Column("taken_at", sa.DateTime(), nullable=True),
        sa.Column("camera", sa.Text(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "leased",
                "tagged",
                "quarantined",
                name="photostate",
                native_enum=False,
                length=12,
            ),
            server_default="pending",
            nullable=False,
        ),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("tagger_id", sa.Integer(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tagged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tagger_id"], ["tagger.id"], name=op.f("fk_photo_tagger_id_tagger")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
        sa.UniqueConstraint("sha256", name=op.f("uq_photo_sha256")),
    )
    op.create_index(op.f("ix_photo_added_at_id"), "photo", ["added_at", "id"], unique=False)
    op.create_index(op.f("ix_photo_state_due_at"), "photo", ["state", "due_at"], unique=False)
    op.create_index(op.f("ix_photo_tagger_id_id"), "photo", ["tagger_id", "id"], unique=False)
    op.create_index(op.f("ix_photo_taken_at_id"), "photo", ["taken_at", "id"], unique=False)
    op.create_table(
        "embedding",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("photo_id", _BIG_ID, nullable=False),
        sa.Column("vector", _vector_type(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.id"], name=op.f("fk_embedding_model_id_model")
        ),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["photo.id"], name=op.f("fk_embedding_photo_id_photo"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", "photo_id", name=op.f("pk_embedding")),
    )
    op.create_index(op.f("ix_embedding_photo_id"), "embedding", ["photo_id"], unique=False)
    op.create_table(
        "photo_event",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("photo_id", _BIG_ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("detail", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["photo_id"],
            ["photo.id"],
            name=op.f("fk_photo_event_photo_id_photo"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo_event")),
    )
    op.create_index(op.f("ix_photo_event_photo_id"), "photo_event", ["photo_id"], unique=False)
    op.create_table(
        "photo_file",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("root_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("photo_id", _BIG_ID, nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["photo.id"], name=op.f("fk_photo_file_photo_id_photo")
        ),
        sa.ForeignKeyConstraint(
            ["root_id"], ["root.id"], name=op.f("fk_photo_file_root_id_root"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo_file")),
        sa.UniqueConstraint("root_id", "path", name=op.f("uq_photo_file_root_id_path")),
    )
    op.create_index(
        op.f("ix_photo_file_photo_id_missing_since"),
        "photo_file",
        ["photo_id", "missing_since"],
        unique=False,
    )
    op.create_table(
        "photo_tag",
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("photo_id", _BIG_ID, nullable=False),
        sa.Column("score", sa.REAL(), nullable=True),
        sa.Column("similarity", sa.REAL(), nullable=True),
        sa.Column("confidence", sa.REAL(), nullable=False),
        sa.Column(
            "source",
            sa.Enum("clip", "metadata", "person", name="source", native_enum=False, length=12),
            nullable=False,
        ),
        sa.Column(
            "decision",
            sa.Enum("confirmed", "rejected", name="decision", native_enum=False, length=12),
            nullable=True,
        ),
        sa.Column("tagger_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["photo.id"], name=op.f("fk_photo_tag_photo_id_photo"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_photo_tag_tag_id_tag")),
        sa.ForeignKeyConstraint(
            ["tagger_id"], ["tagger.id"], name=op.f("fk_photo_tag_tagger_id_tagger")
        ),
        sa.PrimaryKeyConstraint("tag_id", "photo_id", name=op.f("pk_photo_tag")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_photo_tag_photo_id_tag_id"), "photo_tag", ["photo_id", "tag_id"], unique=False
    )
    op.create_index(
        "ix_photo_tag_ranked",
        "photo_tag",
        ["tag_id", "confidence", "photo_id"],
        unique=False,
        sqlite_where=sa.text("decision IS NOT 'rejected'"),
        postgresql_where=sa.text("decision IS DISTINCT FROM 'rejected'"),
    )


def downgrade() -> None:
    op.drop_index("ix_photo_tag_ranked", table_name="photo_tag")
    op.drop_index(op.f("ix_photo_tag_photo_id_tag_id"), table_name="photo_tag")
    op.drop_table("photo_tag")
    op.drop_index(op.f("ix_photo_file_photo_id_missing_since"), table_name="photo_file")
    op.drop_table("photo_file")
    op.drop_index(op.f("ix_photo_event_photo_id"), table_name="photo_event")
    op.drop_table("photo_event")
    op.drop_index(op.f("ix_embedding_photo_id"), table_name="embedding")
    op.drop_table("embedding")
    op.drop_index(op.f("ix_photo_taken_at_id"), table_name="photo")
    op.drop_index(op.f("ix_photo_tagger_id_id"), table_name="photo")
    op.drop_index(op.f("ix_photo_state_due_at"), table_name="photo")
    op.drop_index(op.f("ix_photo_added_at_id"), table_name="photo")
    op.drop_table("photo")
    op.drop_table("tagger")
    op.drop_index(op.f("ix_tag_alias_tag_id"), table_name="tag_alias")
    op.drop_table("tag_alias")
    op.drop_index(op.f("ix_tag_parent_id"), table_name="tag")
    op.drop_table("tag")
    op.drop_table("setting")
    op.drop_table("root")
    op.drop_table("model")
