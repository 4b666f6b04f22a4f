"""The history of the catalogue's tables, run by `kadr db upgrade`."""
