"""Store what searches test for every match: `photo.missing_since`, and decisions in the indexes."""

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


_OF_PHOTO = "ix_photo_tag_photo_id_tag_id"
_RANKED = ["tag_id", "confidence", "photo_id"]


def upgrade() -> None:
    """Add and fill `photo.missing_since`; make the indexes cover all columns that searches read."""
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
    if op.get_bind().dialect.name == "postgresql":
        # Without statistics the planner assumes that nearly all photos are missing.
        op.execute("ANALYZE photo")
    # SQLite reads the decision again, although the partial index excludes rejected tags.
    _index_ranked([*_RANKED, "decision"])
    op.drop_index(_OF_PHOTO, table_name="photo_tag")
    op.create_index(
        "ix_photo_tag_of_photo", "photo_tag", ["photo_id", "tag_id", "confidence", "decision"]
    )


def downgrade() -> None:
    """Drop the column (it can be computed from the files) and restore the old indexes."""
    op.drop_index("ix_photo_tag_of_photo", table_name="photo_tag")
    op.create_index(_OF_PHOTO, "photo_tag", ["photo_id", "tag_id"])
    _index_ranked(_RANKED)
    op.drop_index("ix_photo_missing", table_name="photo")
    op.drop_column("photo", "missing_since")


def _index_ranked(columns: list[str]) -> None:
    op.drop_index("ix_photo_tag_ranked", table_name="photo_tag")
    op.create_index(
        "ix_photo_tag_ranked",
        "photo_tag",
        columns,
        unique=False,
        sqlite_where=sa.text("decision IS NOT 'rejected'"),
        postgresql_where=sa.text("decision IS DISTINCT FROM 'rejected'"),
    )
