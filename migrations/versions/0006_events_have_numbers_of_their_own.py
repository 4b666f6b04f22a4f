"""Never give a number of `photo_event` twice on SQLite, which reused those of deleted events.

Webhooks, live pages and kept answers remember the last event: after `kadr prune` deleted the
newest, others came under the same numbers and were taken for known. PostgreSQL never did that.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COLUMNS = "id, photo_id, at, kind, detail, change_id"


def upgrade() -> None:
    """Copy the table into one whose numbers only rise."""
    _rebuild(is_rising=True)


def downgrade() -> None:
    """Copy it back."""
    _rebuild(is_rising=False)


def _rebuild(*, is_rising: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.create_table(
        "photo_event_new",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("photo_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("detail", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("change_id", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["photo_id"],
            ["photo.id"],
            name=op.f("fk_photo_event_photo_id_photo"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo_event")),
        sqlite_autoincrement=is_rising,
    )
    op.execute(
        f"INSERT INTO photo_event_new ({_COLUMNS}) "  # noqa: S608
        f"SELECT {_COLUMNS} FROM photo_event ORDER BY id"
    )
    op.drop_table("photo_event")
    op.rename_table("photo_event_new", "photo_event")
    op.create_index(op.f("ix_photo_event_photo_id"), "photo_event", ["photo_id"], unique=False)
    op.create_index(
        "ix_photo_event_change",
        "photo_event",
        ["change_id", "kind", "photo_id"],
        unique=False,
        sqlite_where=sa.text("change_id IS NOT NULL"),
    )
