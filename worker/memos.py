"""Keeps what takes long to find out between starts, each in a small file of the cache folder."""

import json
import os
from collections.abc import Sequence
from pathlib import Path


def recall(memo: Path | None, known: Sequence[str | int]) -> str | None:
    """Return what `memo` holds, if it was found out of the same `known`; None else."""
    if memo is None:
        return None
    try:
        entry = json.loads(memo.read_text(encoding="utf-8"))
        return str(entry["found"]) if entry["known"] == list(known) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(memo: Path | None, known: Sequence[str | int], found: str) -> None:
    """Write what was found out of `known`; a cache that cannot be written is ignored."""
    if memo is None:
        return
    partial = memo.with_suffix(f".{os.getpid()}.tmp")
    try:
        memo.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({"known": list(known), "found": found}), encoding="utf-8")
        partial.replace(memo)
    except OSError:
        partial.unlink(missing_ok=True)
