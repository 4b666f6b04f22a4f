"""The Alembic migrations of the catalogue's tables.

`catalog.db.migrate` runs them for `kadr db upgrade`, and where `open_database` may upgrade.
"""
