"""Computes the sha256 of texts and files; those of weights are cached.

Weights are hundreds of megabytes, which a start should not read just for their digest: it is kept
by path, size and modification time.
"""

import hashlib
import json
import os
from pathlib import Path


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
    memo = _memo_path(path, cache_dir)
    if memo is not None and (digest := _remembered(memo, known)) is not None:
        return digest
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if memo is not None:
        _remember(memo, known, digest)
    return digest


def _memo_path(path: Path, cache_dir: Path | None) -> Path | None:
    if cache_dir is None:
        return None
    return cache_dir / "digests" / f"{digest_of(str(path.resolve()))[:32]}.json"


def _remembered(memo: Path, known: list[str | int]) -> str | None:
    try:
        entry = json.loads(memo.read_text(encoding="utf-8"))
        return str(entry["sha256"]) if entry["file"] == known else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(memo: Path, known: list[str | int], digest: str) -> None:
    partial = memo.with_suffix(f".{os.getpid()}.tmp")
    try:
        memo.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({"file": known, "sha256": digest}), encoding="utf-8")
        partial.replace(memo)
    except OSError:
        partial.unlink(missing_ok=True)
