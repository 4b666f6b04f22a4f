"""Tells files of vectors which ids of photos they may still trust.

A restored catalogue, and SQLite after its newest photos were deleted, gives ids anew that once
meant other photos: `catalog.similar.vector_file` begins another file with each generation.
"""

import secrets

from sqlalchemy.orm import Session

from catalog.db import remembered

_KEY = "generation"


def begin(session: Session) -> None:
    """Begin a generation: what was cached by id is not read any more."""
    remembered.replace(session, _KEY, secrets.token_hex(8))


def find(session: Session) -> str:
    """Return the name of the generation; empty for a catalogue whose ids never changed."""
    return remembered.find(session, _KEY) or ""
