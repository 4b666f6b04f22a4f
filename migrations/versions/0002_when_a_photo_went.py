"""When a photo's last file went, noted with the photo: searches ask it of every match."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LIES_NOWHERE = """
    NOT EXISTS (
        SELECT 1 FROM photo_file
        WHERE photo_file.photo_id = photo.id AND photo_file.missing_since IS NULL
    )
"""
_LAST_GONE = "SELECT max(missing_since) FROM photo_file WHERE photo_file.photo_id = photo.id"


def upgrade() -> None:
    """Add the column, and fill it from the files."""
    op.add_column("photo", sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        f"UPDATE photo SET missing_since = coalesce(({_LAST_GONE}), added_at) "  # noqa: S608
        f"WHERE {_LIES_NOWHERE}"
    )
    op.create_index(
        "ix_photo_missing",
        "photo",
        ["id"],
        unique=False,
        sqlite_where=sa.text("missing_since IS NOT NULL"),
        postgresql_where=sa.text("missing_since IS NOT NULL"),
    )


def downgrade() -> None:
    """Take the column away; the files know it too."""
    op.drop_index("ix_photo_missing", table_name="photo")
    op.drop_column("photo", "missing_since")
