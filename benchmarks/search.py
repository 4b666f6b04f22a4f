"""Measures the latency of keyword search: first pages, counts, facets and completion.

    python benchmarks/search.py sqlite:////tmp/million.db

Queries have one to five words, taken from random photos of the catalogue. So most of them find
something, and a word occurs in queries in proportion to the photos that have it.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import query
from catalog.db import database
from catalog.db.tables import PhotoTag, Tag
from catalog.tags import completion

QUERIES = 60


def draw_words(session: Session, seed: int = 0) -> list[list[str]]:
    """Return the keywords of `QUERIES` random photos, each list in random order."""
    random = np.random.default_rng(seed)
    last = session.scalar(select(PhotoTag.photo_id).order_by(PhotoTag.photo_id.desc()).limit(1))
    found = []
    for photo_id in random.integers(1, (last or 1) + 1, QUERIES).tolist():
        named = select(Tag.name).join(PhotoTag, PhotoTag.tag_id == Tag.id)
        words = list(session.scalars(named.where(PhotoTag.photo_id == photo_id)))
        found.append([words[n] for n in random.permutation(len(words))])
    return found


def draw_queries(session: Session) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each kind of query, with the queries to time."""
    photos = draw_words(session)
    common = list(session.scalars(select(Tag.name).order_by(Tag.photos.desc()).limit(10)))
    rare = list(session.scalars(select(Tag.name).where(Tag.photos.between(5, 50)).limit(QUERIES)))
    for n in (1, 2, 3, 5):
        yield f"AND of {n}", [" ".join(words[:n]) for words in photos]
    yield "OR of 2", [" OR ".join(words[:2]) for words in photos]
    yield "OR of 5", [" OR ".join(words[:5]) for words in photos]
    yield "AND NOT", [f"{words[0]} {words[1]} NOT {words[2]}" for words in photos]
    yield "mixed of 5", ["{} AND ({} OR {}) NOT {} NOT {}".format(*words) for words in photos]
    yield "prefix", [words[0][:8] + "*" for words in photos]
    yield "two commonest", [f"{common[0]} {common[1]}", f"{common[1]} {common[2]}"] * 10
    yield "five commonest", [" ".join(common[:5]), " OR ".join(common[:5])] * 10
    yield "rare with common", [f"{word} {common[0]}" for word in rare]


def timed(calls: list[Callable[[], object]]) -> dict[str, float]:
    """Run each call once; return percentiles of elapsed and of processor time, in milliseconds."""
    times = []
    for call in calls:
        started, used = time.perf_counter(), time.process_time()
        call()
        times.append((time.perf_counter() - started, time.process_time() - used))
    clock, processor = (np.percentile(1000 * np.array(times), q, axis=0) for q in (50, 95))
    names = ("p50", "p50_cpu", "p95", "p95_cpu")
    return dict(zip(names, np.round([*clock, *processor], 1).tolist(), strict=True))


def main() -> None:
    """Print one JSON line for each kind of query and question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--kinds", nargs="+", help="only these, such as 'AND of 2' prefix")
    options = parser.parse_args()
    opened = database.open_database(options.url, upgrade=False)
    with opened.read() as session:
        kinds = [
            (kind, texts)
            for kind, texts in draw_queries(session)
            if options.kinds is None or kind in options.kinds
        ]
        for text in kinds[0][1]:  # warm-up: loads code, dictionaries and the tops of the indexes
            query.search(session, text)
            query.count(session, text)
        for kind, texts in kinds:
            for sort in ("relevance", "taken"):
                found = timed([_page(session, text, sort) for text in texts])
                print(json.dumps({"kind": kind, "what": f"page by {sort}"} | found), flush=True)
            for what, ask in (("exact count", query.count), ("facets", _facets)):
                found = timed([_asked(session, text, ask) for text in texts])
                print(json.dumps({"kind": kind, "what": what} | found), flush=True)
        halves = [words[0][: 2 + n % 6] for n, words in enumerate(draw_words(session))]
        found = timed([_asked(session, text, completion.complete) for text in halves])
        print(json.dumps({"kind": "half a word", "what": "completion"} | found), flush=True)
    opened.close()


def _page(session: Session, text: str, sort: str) -> Callable[[], object]:
    return lambda: query.search(session, text, sort=sort, limit=50)


def _facets(session: Session, text: str) -> object:
    return query.prepare(session, text).facets()


def _asked(
    session: Session, text: str, ask: Callable[[Session, str], object]
) -> Callable[[], object]:
    return lambda: ask(session, text)


if __name__ == "__main__":
    main()
