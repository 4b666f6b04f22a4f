"""The Alembic migrations of the catalogue's tables.

`catalog.db.migrate` runs them, for `kadr db upgrade` and when a catalogue is opened for upgrade.
"""
