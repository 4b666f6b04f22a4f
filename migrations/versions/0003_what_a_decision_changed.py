"""Add `photo_event.change_id`, by which an undo finds every event of a decision."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_IS_PART_OF_A_CHANGE = sa.text("change_id IS NOT NULL")


def upgrade() -> None:
    """Add the column and fill it from the events' JSON details, where the id was kept so far."""
    op.add_column("photo_event", sa.Column("change_id", sa.String(length=32), nullable=True))
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    told = "json_extract(detail, '$.change')" if is_sqlite else "detail ->> 'change'"
    op.execute(
        f"UPDATE photo_event SET change_id = {told} "  # noqa: S608
        "WHERE kind IN ('decided', 'undone')"
    )
    op.create_index(
        "ix_photo_event_change",
        "photo_event",
        ["change_id", "kind", "photo_id"],
        unique=False,
        sqlite_where=_IS_PART_OF_A_CHANGE,
        postgresql_where=_IS_PART_OF_A_CHANGE,
    )


def downgrade() -> None:
    """Drop the column; the JSON details contain the id too."""
    op.drop_index("ix_photo_event_change", table_name="photo_event")
    op.drop_column("photo_event", "change_id")
