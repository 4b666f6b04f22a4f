"""Computes the sha256 of texts and files; those of weights are cached.

Weights are hundreds of megabytes, which a start should not read just for their digest: it is kept
by path, size and modification time.
"""

import hashlib
import json
from pathlib import Path

from worker import memos


def digest_of(*parts: str) -> str:
    """Return the sha256 (hex) of the parts, unambiguous about where one part ends."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def file_digest(path: Path, *, cache_dir: Path | None = None) -> str:
    """Return the sha256 (hex) of the file's content, from `cache_dir` while the file is unchanged.

    A cache that cannot be written is ignored.

    Raises:
        OSError: The file cannot be read.
    """
    stat = path.stat()
    known: list[str | int] = [str(path.resolve()), stat.st_size, stat.st_mtime_ns]
    memo = None
    if cache_dir is not None:
        memo = cache_dir / "digests" / f"{digest_of(str(path.resolve()))[:32]}.json"
    if (digest := memos.recall(memo, known)) is not None:
        return digest
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    memos.keep(memo, known, digest)
    return digest
