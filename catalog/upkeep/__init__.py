"""Keeps a catalogue safe: backups of a live one, their restoration, checks and mending.

A backup is itself a catalogue, an SQLite file whatever database it was made from.
"""
