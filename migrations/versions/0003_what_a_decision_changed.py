"""Which decision an event belongs to, so that an undo finds all that a decision changed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_IS_PART_OF_A_CHANGE = sa.text("change_id IS NOT NULL")


def upgrade() -> None:
    """Note the decision in a column; the events have told it in their details so far."""
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
    """Take the column away; the details tell it too."""
    op.drop_index("ix_photo_event_change", table_name="photo_event")
    op.drop_column("photo_event", "change_id")
