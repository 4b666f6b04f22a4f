"""Let a photo outlive edits of its file, and remember what files and sidecars say of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns and the sidecars; old photos get their digests when they are seen again."""
    op.add_column("photo", sa.Column("image_digest", sa.LargeBinary(length=32), nullable=True))
    op.add_column("photo", sa.Column("superseded_by_id", _BIG_ID, nullable=True))
    op.add_column("photo", sa.Column("taken_precision", sa.String(length=12), nullable=True))
    op.add_column("photo", sa.Column("taken_offset_minutes", sa.SmallInteger(), nullable=True))
    op.add_column("photo", sa.Column("fact_sources", sa.JSON(), nullable=True))
    op.add_column("photo", sa.Column("truncated_rows", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_photo_image_digest"), "photo", ["image_digest"], unique=False)
    op.create_index(
        "ix_photo_superseded",
        "photo",
        ["superseded_by_id"],
        unique=False,
        sqlite_where=sa.text("superseded_by_id IS NOT NULL"),
        postgresql_where=sa.text("superseded_by_id IS NOT NULL"),
    )
    op.add_column("photo_file", sa.Column("ctime_ns", sa.BigInteger(), nullable=True))
    op.add_column("photo_file", sa.Column("words", sa.JSON(), nullable=True))
    op.add_column("root", sa.Column("sidecars", sa.String(length=16), nullable=True))
    op.create_table(
        "sidecar",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("root_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("file_id", _BIG_ID, nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=True),
        sa.Column("ctime_ns", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("words", sa.JSON(), nullable=True),
        sa.Column("wrote", sa.JSON(), nullable=True),
        sa.Column("wrote_sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("is_ours", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("withdrawn", sa.JSON(), nullable=True),
        sa.Column("state", sa.String(length=12), server_default="seen", nullable=False),
        sa.Column("due_at", _TIME, nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("missing_since", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["root_id"], ["root.id"], name=op.f("fk_sidecar_root_id_root"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["photo_file.id"],
            name=op.f("fk_sidecar_file_id_photo_file"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sidecar")),
        sa.UniqueConstraint("root_id", "path", name=op.f("uq_sidecar_root_id_path")),
    )
    op.create_index(op.f("ix_sidecar_file_id"), "sidecar", ["file_id"], unique=False)
    op.create_index(op.f("ix_sidecar_state_due_at"), "sidecar", ["state", "due_at"], unique=False)


def downgrade() -> None:
    """Drop what was added; superseded photos become missing ones again."""
    op.drop_table("sidecar")
    op.drop_index("ix_photo_superseded", table_name="photo")
    op.drop_index(op.f("ix_photo_image_digest"), table_name="photo")
    op.drop_column("root", "sidecars")
    op.drop_column("photo_file", "words")
    op.drop_column("photo_file", "ctime_ns")
    for column in (
        "truncated_rows",
        "fact_sources",
        "taken_offset_minutes",
        "taken_precision",
        "superseded_by_id",
        "image_digest",
    ):
        op.drop_column("photo", column)
