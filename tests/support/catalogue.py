"""Rows for tests: photos at paths, claimed and tagged as the worker would do it."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from catalog import paths
from catalog.photos import files, lifecycle, roots
from catalog.said import Keyword, Said
from catalog.tags import results, store, taggers

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

TAGGER = taggers.TaggerSpec(
    model="tiny",
    model_digest="a" * 64,
    dim=4,
    vocabulary="test",
    vocabulary_digest="b" * 64,
    prompts=("a photo of a {word}",),
    prompt_digest="c" * 64,
    scoring_digest="d" * 64,
)


def seen(
    path: str, content: bytes | str | None = None, *, mtime_ns: int = 1, picture: str | None = None
) -> files.SeenFile:
    """A file as found on disk; its content is its name if none is given.

    `picture` is what is seen in it, where its format tells that apart from metadata.
    """
    data = path if content is None else content
    data = data.encode() if isinstance(data, str) else data
    stat = paths.FileStat(len(data), mtime_ns)
    image = None if picture is None else hashlib.sha256(picture.encode()).digest()
    return files.SeenFile(path, stat, hashlib.sha256(data).digest(), image)


def said_of(*keywords: str) -> Said:
    """What a file says that has these keywords."""
    return Said(tuple(Keyword(word) for word in keywords), has_keywords=bool(keywords))


def add_photos(session: Session, *paths: str, root: str = "/photos") -> list[int]:
    """Register files, each a photo of its own."""
    root_id = roots.register_root(session, Path(root)).id
    files_seen = [seen(path) for path in paths]
    return list(files.register_files(session, root_id, files_seen, now=NOW).pending)


def tag_photo(
    session: Session,
    photo_id: int,
    words: dict[str, float],
    *,
    keywords: tuple[str, ...] = (),
    specs: dict[str, store.TagSpec] | None = None,
    vector: Sequence[float] = (0.5, 0.5, 0.5, 0.5),
) -> None:
    """Take a pending photo the whole way: claim, then record words with their confidences."""
    claim = lifecycle.claim_photos(session, [photo_id], limit=1, lease_s=60, now=NOW)
    tagger_id = taggers.ensure_tagger(session, TAGGER)
    result = results.TaggedPhoto(
        photo_id=photo_id,
        vector=np.array(vector, dtype=np.float32),
        facts=results.PhotoFacts(640, 480, "jpeg", said_of(*keywords)),
        tags=tuple(results.ScoredTag(word, c / 10, c / 4, c) for word, c in words.items()),
    )
    done = results.record_tagged(
        session, claim.token, [result], tagger_id=tagger_id, words=specs or {}, now=NOW
    )
    assert done == 1
