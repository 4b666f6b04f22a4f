"""Keeps which photos have a common word, for as long as the catalogue does not change.

`all_matches` asks it: most words of the next page, of the count and of the facets of a search were
read a moment ago. A million photos take 125 kB a word. Each connection of the database keeps its
own, since SQLite tells each by a number of its own whether another one has committed anything.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

Flags = NDArray[np.bool_]

#: Bytes that a connection keeps at most: the words that were asked for last.
MOST_BYTES = 2**20
_INFO = "kadr_kept_flags"
#: A standby's snapshot does not tell all transactions that run: nothing is kept there.
_SNAPSHOT = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_snapshot()::text END"


@dataclass(slots=True)
class _Kept:
    """What one connection keeps, all of it of one version of the catalogue."""

    version: str
    #: By key, the flags as bits: (ceil(n_ids / 8),) uint8.
    words: "OrderedDict[Hashable, NDArray[np.uint8]]" = field(default_factory=OrderedDict)


def get(session: Session, key: Hashable, n_ids: int, read: Callable[[], Flags]) -> Flags:
    """Return the flags of a word: kept ones, or else what `read` returns, which is kept.

    Args:
        session: The search's; one that may write sees its own changes, and keeps nothing.
        key: Everything that tells the word from others.
        n_ids: How many flags there are.
        read: Returns the flags as the database has them, (n_ids,) bool.
    """
    connection = session.connection()
    version = _version_of(connection)
    if version is None:
        return read()
    kept: _Kept | None = connection.info.get(_INFO)
    if kept is None or kept.version != version:
        kept = connection.info[_INFO] = _Kept(version)
    bits = kept.words.pop((key, n_ids), None)
    flags = read() if bits is None else np.unpackbits(bits, count=n_ids).view(np.bool_)
    kept.words[key, n_ids] = np.packbits(flags) if bits is None else bits
    while sum(each.nbytes for each in kept.words.values()) > MOST_BYTES:
        kept.words.popitem(last=False)
    return flags


def _version_of(connection: Connection) -> str | None:
    """Return a text that differs after every change, told by the database; None if it cannot."""
    if not connection.get_execution_options().get("kadr_read_only", False):
        return None
    if connection.dialect.name == "postgresql":
        snapshot: str | None = connection.scalar(text(_SNAPSHOT))
        return snapshot
    others = connection.scalar(text("PRAGMA data_version"))
    own = getattr(connection.connection.driver_connection, "total_changes", None)
    return None if own is None else f"{others} {own}"
