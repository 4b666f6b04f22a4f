"""Caches word vectors on disk, so that adding ten words to a vocabulary encodes ten words.

`word_vectors` opens it. There is one SQLite file per model digest, and one row per word and prompt
digest. Vectors are float16: half the bytes of float32 to read at each start, and the rounding moves
a cosine by about 1e-4, far below what separates two keywords. Fresh vectors are rounded as well, so
that the first run and the next one give the same scores.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import structlog
from numpy.typing import NDArray

log = structlog.get_logger(__name__)

#: Rows kept per model, about 1 GB at 512 dimensions; the least recently used prompts go first.
MAX_ROWS = 1_000_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS prompt (
    digest TEXT PRIMARY KEY, used_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vector (
    prompt TEXT NOT NULL, word TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (prompt, word)
) WITHOUT ROWID;
CREATE TEMPORARY TABLE wanted (place INTEGER PRIMARY KEY, prompt TEXT, word TEXT);
"""

_NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"


class TextCache:
    """The cached vectors of one model. Any number of processes may have it open."""

    def __init__(self, folder: Path | None, model_digest: str, dim: int) -> None:
        """Open the file in `folder`; with None or an unwritable folder, only memory is used."""
        self._dim = dim
        self._database = _open(folder, model_digest)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._database.close()

    def fill(self, keys: Sequence[tuple[str, str]], vectors: NDArray[np.float16]) -> list[int]:
        """Write the cached vectors of `keys` (prompt digest, word) into `vectors`, (n, dim).

        Returns:
            The places of the keys that are not cached, in order.
        """
        with self._database as database:
            database.execute("DELETE FROM wanted")
            rows = ((place, *key) for place, key in enumerate(keys))
            database.executemany("INSERT INTO wanted VALUES (?, ?, ?)", rows)
            used = ((prompt,) for prompt in {prompt for prompt, _ in keys})
            database.executemany(f"INSERT OR REPLACE INTO prompt VALUES (?, {_NOW})", used)  # noqa: S608
        missing = []
        for place, value in self._database.execute(
            "SELECT place, value FROM wanted LEFT JOIN vector USING (prompt, word) ORDER BY place"
        ):
            if value is None or len(value) != 2 * self._dim:
                missing.append(place)
            else:
                vectors[place] = np.frombuffer(value, "<f2")
        return missing

    def store(self, keys: Iterable[tuple[str, str]], vectors: NDArray[np.float16]) -> None:
        """Store vectors, (n, dim), under their keys, and commit."""
        values = (row.astype("<f2").tobytes() for row in vectors)
        rows = ((*key, value) for key, value in zip(keys, values, strict=True))
        with self._database as database:
            database.executemany("INSERT OR REPLACE INTO vector VALUES (?, ?, ?)", rows)

    def trim(self, max_rows: int = MAX_ROWS) -> None:
        """Delete the least recently used prompts until at most `max_rows` vectors are left.

        The most recently used one stays, however many words it has.
        """
        counted = self._database.execute(
            "SELECT prompt, count(*) FROM vector LEFT JOIN prompt ON digest = prompt "
            "GROUP BY prompt ORDER BY max(used_at) DESC"
        ).fetchall()
        total = 0
        for place, (prompt, rows) in enumerate(counted):
            total += rows
            if place and total > max_rows:
                with self._database as database:
                    database.execute("DELETE FROM vector WHERE prompt = ?", (prompt,))
                    database.execute("DELETE FROM prompt WHERE digest = ?", (prompt,))


def _open(folder: Path | None, model_digest: str) -> sqlite3.Connection:
    if folder is None:
        return _connect(":memory:")
    path = folder / "texts" / f"{model_digest[:32]}.sqlite3"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _connect(str(path))
    except sqlite3.OperationalError as error:
        return _in_memory(path, str(error))
    except sqlite3.DatabaseError:  # not a database any more: it is only a cache
        log.warning("text_cache_rebuilt", path=str(path))
        path.unlink(missing_ok=True)
        return _connect(str(path))
    except OSError as error:
        return _in_memory(path, str(error))


def _in_memory(path: Path, reason: str) -> sqlite3.Connection:
    log.warning("text_cache_not_kept", path=str(path), reason=reason)
    return _connect(":memory:")


def _connect(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=30)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database
