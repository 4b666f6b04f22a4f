"""Measures similarity search with pgvector's HNSW index: build time, recall, latency.

    python benchmarks/hnsw.py postgresql://user@host/kadr --vectors 1000000

The database must come from `catalogue_of_a_million.py`, on a server with pgvector. Its photos get
random embeddings, clustered around one scene per 500 photos, whose variance falls off over the
dimensions as unevenly as CLIP's.
"""

import argparse
import json
import struct
import time
from collections.abc import Callable

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import query
from catalog.db import database
from catalog.db.tables import Model, Tag
from catalog.similar import directions, hnsw

PHOTOS_PER_SCENE = 500
QUERIES = 60
NAME = "benchmark"
_CHUNK = 20_000


def draw_vectors(rows: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """Return random unit vectors (rows, dim) float32.

    The standard deviation of dimension i is i**-0.4 (counted from 1), for scenes and for photos
    around them, so that a few directions carry most of the variance.
    """
    random = np.random.default_rng(seed)
    scale = np.arange(1, dim + 1, dtype=np.float32) ** -0.4
    scenes = random.standard_normal((max(1, rows // PHOTOS_PER_SCENE), dim), np.float32) * scale
    vectors = random.standard_normal((rows, dim), np.float32) * scale
    vectors += scenes[random.integers(len(scenes), size=rows)]
    vectors[:, 0] += 3.0  # like CLIP's, all vectors lie in a narrow cone
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def write(url: str, model_id: int, vectors: NDArray[np.float32]) -> None:
    """Write the vectors to the table `embedding` by binary COPY, in pgvector's halfvec format."""
    head = struct.pack(">HH", vectors.shape[1], 0)
    with (
        psycopg.connect(url) as connection,
        connection.cursor().copy(
            "COPY embedding (model_id, photo_id, vector) FROM STDIN BINARY"
        ) as copy,
    ):
        copy.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
        size = len(head) + 2 * vectors.shape[1]
        for start in range(0, len(vectors), _CHUNK):
            halves = vectors[start : start + _CHUNK].astype(">f2")
            copy.write(
                b"".join(
                    struct.pack(">hiiiqi", 3, 4, model_id, 8, start + n + 1, size)
                    + head
                    + half.tobytes()
                    for n, half in enumerate(halves)
                )
            )
        copy.write(struct.pack(">h", -1))


def prepare(opened: database.Database, url: str, rows: int, dim: int) -> Model:
    """Return the benchmark's model; write its vectors and build the index if they do not exist."""
    with opened.read() as session:
        model = session.scalars(select(Model).where(Model.name == NAME)).first()
    if model is None:
        with opened.write() as session:
            model = Model(name=NAME, digest="b" * 64, dim=dim)
            session.add(model)
        write(url, model.id, draw_vectors(rows, dim))
    with opened.read() as session:
        is_indexed = hnsw.open_index(session, model) is not None
    if not is_indexed:
        started = time.perf_counter()
        hnsw.build(opened, model, memory="4GB")
        print(json.dumps({"what": "build", "seconds": round(time.perf_counter() - started)}))
    return model


def timed(call: Callable[[NDArray[np.float32]], object], asked: NDArray[np.float32]) -> str:
    """Return the latency over the query vectors as JSON: median and 95th percentile, in ms."""
    times = []
    for direction in asked:
        started = time.perf_counter()
        call(direction)
        times.append(1000 * (time.perf_counter() - started))
    low, high = np.percentile(times, [50, 95])
    return json.dumps({"p50": round(low, 1), "p95": round(high, 1)})


def measure(session: Session, model: Model) -> None:
    """Print the opening time, the recall, and the latency of each filter with and without cut."""
    started = time.perf_counter()
    index = hnsw.open_index(session, model)
    if index is None:
        raise SystemExit("the index was not built")
    print(json.dumps({"what": "open", "ms": round(1000 * (time.perf_counter() - started), 1)}))
    print(json.dumps({"what": "recall of 50", "recall": hnsw.measure_recall(index)}), flush=True)
    step = max(1, len(index.sample) // QUERIES)
    asked = np.stack(
        [directions.like_photo(index.sample, each) for each in index.sample[::step].astype("f4")]
    )
    ranked = list(session.scalars(select(Tag.name).order_by(Tag.photos.desc()).limit(2_000)))
    filters = {"": "no filter", ranked[0]: "commonest word", ranked[-1]: "2,000th word"}
    for text, name in filters.items():
        ready = query.prepare(session, text)
        for cut in (False, True):
            told = timed(lambda d: hnsw.find_nearest(index, d, ready, cut=cut), asked)  # noqa: B023
            print(json.dumps({"what": name, "cut": cut} | json.loads(told)), flush=True)


def main() -> None:
    """Print one JSON line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    options = parser.parse_args()
    opened = database.open_database(options.url, upgrade=False)
    model = prepare(opened, options.url, options.vectors, options.dim)
    with opened.read() as session:
        measure(session, model)
    opened.close()


if __name__ == "__main__":
    main()
