"""Approximate search by meaning in PostgreSQL, with pgvector's HNSW index.

The exact index of `catalog.similar.vector_file` needs a copy of the vectors on every machine that
searches. On PostgreSQL an HNSW index beside the vectors avoids that (Malkov, Yashunin 2018,
doi:10.1109/TPAMI.2018.2889473), but may miss some of the nearest photos. `kadr db index-vectors`
builds it for a model and reports its recall; `catalog.similar.nearest` uses it. The cut is that of
exact search, estimated from a sample of the vectors.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Double,
    Text,
    literal,
    literal_column,
    select,
    tablesample,
    text,
)
from sqlalchemy.orm import Session, aliased

from catalog.db.database import Database
from catalog.db.sql import member
from catalog.db.tables import Embedding, Model
from catalog.db.types import HALFVEC_FLAG
from catalog.errors import UnsupportedError
from catalog.query import all_matches
from catalog.query.plan import Plan
from catalog.similar import chance, directions, exact

#: pgvector's `m` and `ef_construction`: edges per vector, and candidates when one is added.
EDGES, EF_CONSTRUCTION = 16, 128
#: pgvector's `ef_search`, candidates of a search: its maximum.
EF_SEARCH = 1_000
#: Vectors in the sample from which chance is estimated.
SAMPLE = 4_096
#: If a filter leaves at most about so many photos, their vectors are compared exactly.
FEW_PHOTOS = 20_000
#: pgvector's `max_scan_tuples`: vectors that a filtered search visits at most.
MAX_WALK = 200_000
#: Recall is measured with so many photos, and so many of the nearest of each.
RECALL_PHOTOS, RECALL_NEAREST = 50, 50

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HnswIndex:
    """The index of one model in PostgreSQL: a `catalog.similar.nearest.VectorIndex`."""

    session: Session
    model: Model
    #: About how many vectors it holds.
    photos: int
    #: (n, dim) float16: some of them, drawn evenly.
    sample: NDArray[np.float16]

    def find(
        self, direction: Floats, among: Plan, *, limit: int = 50, cut: bool = True
    ) -> list[exact.Match]:
        """Return the photos of a query that are most similar to a unit vector, best first."""
        return find_nearest(self, direction, among, limit=limit, cut=cut)


def open_index(session: Session, model: Model) -> HnswIndex | None:
    """Return the index of a model, or None if it was not built or pgvector is not there."""
    if not getattr(session.get_bind().dialect, HALFVEC_FLAG, False):
        return None
    found = session.execute(_FIND, {"name": name_of(model)}).first()
    if found is None:
        return None
    photos = max(int(found.reltuples), 0)
    return HnswIndex(session, model, photos, _draw(session, model, photos))


def build(database: Database, model: Model, *, memory: str = "1GB") -> None:
    """Build or rebuild the index of a model; photos can be tagged meanwhile.

    `memory` is PostgreSQL's `maintenance_work_mem`: if the graph does not fit, building takes many
    times as long.

    Raises:
        UnsupportedError: The catalogue is not on PostgreSQL with pgvector.
    """
    if not getattr(database.engine.dialect, HALFVEC_FLAG, False):
        raise UnsupportedError(
            "HNSW needs PostgreSQL with pgvector; this catalogue compares every vector, exactly"
        )
    name, dim = name_of(model), model.dim
    connection = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    with connection:
        connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))
        connection.execute(
            text("SELECT set_config('maintenance_work_mem', :memory, false)"), {"memory": memory}
        )
        connection.execute(
            text(
                f"CREATE INDEX CONCURRENTLY {name} ON embedding "
                f"USING hnsw ((vector::halfvec({dim})) halfvec_ip_ops) "
                f"WITH (m = {EDGES}, ef_construction = {EF_CONSTRUCTION}) "
                f"WHERE model_id = {model.id}"
            )
        )
        connection.execute(text("RESET maintenance_work_mem"))


def find_broken(session: Session) -> list[Model]:
    """Return the models whose index was begun and is not whole, so that no search uses it."""
    if not getattr(session.get_bind().dialect, HALFVEC_FLAG, False):
        return []
    broken = set(session.scalars(_FIND_BROKEN))
    models = session.scalars(select(Model).order_by(Model.id))
    return [model for model in models if name_of(model) in broken]


def name_of(model: Model) -> str:
    """Return the name of a model's index in the database."""
    return f"ix_embedding_hnsw_{model.id}"


def find_nearest(
    index: HnswIndex, direction: Floats, ready: Plan, *, limit: int = 50, cut: bool = True
) -> list[exact.Match]:
    """Return the photos of a query that are most similar, best first.

    `direction` is (dim,) float32, L2-normalised. Few photos are compared exactly; if the index
    finds fewer than `limit`, all photos of the query are.
    """
    least = find_cut(index, direction) if cut else -np.inf
    driver = ready.driver
    found: list[exact.Match] = []
    if driver is None or driver.photos > FEW_PHOTOS:
        found = _rank(index, ready.matches(Embedding.photo_id), direction, limit)
    if len(found) < limit:  # there are few, or the walk ended before it met enough of them
        ids = all_matches.find_id_array(index.session, ready).tolist()
        among = member(Embedding.photo_id, ids, ready.dialect)
        found = _rank(index, among, direction, limit, is_exact=True)
    return [match for match in found if match.similarity >= least]


def find_cut(index: HnswIndex, direction: Floats) -> float:
    """Return the least similarity that counts as found; see `chance.find_cut`.

    If few photos match, the nearest `EF_SEARCH` decide; if many do, the sample decides.
    """
    sampled = index.sample.astype(np.float32) @ direction
    if len(sampled) < chance.LEAST_PHOTOS:
        return -np.inf
    nearest = _rank(index, _is_of(index.model), direction, EF_SEARCH)
    best = np.array([match.similarity for match in nearest], dtype=np.float32)
    of_best = chance.Chance.of(sampled).find_cut(best, max(index.photos, len(best)))
    return min(of_best, chance.find_cut(sampled))


def measure_recall(index: HnswIndex) -> float:
    """Return the index's recall in [0, 1]: the share of the truly nearest photos that it finds.

    Some sampled photos are searched for as by `kadr similar`, with the index and exactly.
    """
    step = max(1, len(index.sample) // RECALL_PHOTOS)
    shares = []
    for vector in index.sample[::step][:RECALL_PHOTOS].astype(np.float32):
        direction = directions.like_photo(index.sample, vector)
        truth = _rank(index, _is_of(index.model), direction, RECALL_NEAREST, is_exact=True)
        found = _rank(index, _is_of(index.model), direction, RECALL_NEAREST)
        ids = {match.photo_id for match in found}
        shares.append(np.mean([match.photo_id in ids for match in truth]))
    return float(np.mean(shares))


_FIND = text(
    "SELECT c.reltuples FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid "
    "WHERE c.relname = :name AND i.indisvalid AND c.relnamespace = current_schema()::regnamespace"
)
_FIND_BROKEN = text(
    "SELECT c.relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid "
    "WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace"
)
_SET = text(
    "SELECT set_config('hnsw.ef_search', :ef_search, true), "
    "set_config('hnsw.iterative_scan', 'strict_order', true), "
    "set_config('hnsw.max_scan_tuples', :max_walk, true)"
)


def _draw(session: Session, model: Model, photos: int) -> NDArray[np.float16]:
    """Return vectors drawn evenly, by blocks of the table: (n, dim) float16."""
    percent = min(100.0, 100.0 * SAMPLE / max(photos, 1))
    some = tablesample(Embedding, percent, seed=literal_column("0"))
    drawn = aliased(Embedding, some)
    rows = session.scalars(
        select(drawn.vector).where(drawn.model_id == model.id).limit(2 * SAMPLE)
    ).all()
    return np.stack(rows) if rows else np.empty((0, model.dim), dtype=np.float16)


def _is_of(model: Model) -> ColumnElement[bool]:
    """Return the SQL condition that a vector is of a model, with the text of its partial index."""
    return Embedding.model_id == literal_column(str(model.id))


def _rank(
    index: HnswIndex,
    wanted: ColumnElement[bool],
    direction: Floats,
    limit: int,
    *,
    is_exact: bool = False,
) -> list[exact.Match]:
    """Return the nearest of the wanted vectors, best first; without the index if `is_exact`."""
    query_text = "[" + ",".join(map(str, direction.astype("<f2").tolist())) + "]"
    kind = f"halfvec({index.model.dim})"
    stored: ColumnElement[Any] = literal_column(f"(embedding.vector::{kind})")
    asked = literal(query_text, Text).op("::")(literal_column(kind, Text))
    distance: ColumnElement[float] = stored.op("<#>", return_type=Double())(
        asked
    )  # less the inner product
    order = distance + literal_column("0") if is_exact else distance
    query = select(Embedding.photo_id, distance.label("distance")).where(
        _is_of(index.model), wanted
    )
    index.session.execute(_SET, {"ef_search": str(EF_SEARCH), "max_walk": str(MAX_WALK)})
    rows = index.session.execute(query.order_by(order).limit(limit)).all()
    return [exact.Match(row.photo_id, -row.distance) for row in rows]
