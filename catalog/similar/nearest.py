"""Search by meaning: finds the photos most like a photo or a text.

Decides which index answers: pgvector's HNSW where the server has one, else the file of all vectors.
`kadr similar` and `kadr search --like` call it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from catalog import query, settings
from catalog.db.tables import Model
from catalog.errors import NotFoundError
from catalog.query import Prepared
from catalog.query.plan import Plan
from catalog.similar import directions, hnsw, vector_file
from catalog.similar.directions import TextEncoder
from catalog.similar.exact import Match


class VectorIndex(Protocol):
    """The vectors of one model, searchable: `vector_file.VectorFile` or `hnsw.HnswIndex`."""

    @property
    def model(self) -> Model:
        """The model whose vectors these are."""

    @property
    def sample(self) -> NDArray[np.float16]:
        """Some of the vectors, drawn evenly: (n, dim) float16."""

    def find(
        self, direction: NDArray[np.float32], among: Plan, *, limit: int, cut: bool
    ) -> list[Match]:
        """Return the photos of a query that are most similar to a unit vector, best first."""


def nearest(
    session: Session,
    like: int | str,
    *,
    within: str | Prepared = "",
    limit: int = 50,
    cut: bool = True,
    exact: bool = False,
    cache_dir: Path | None = None,
    load_encoder: Callable[[str], TextEncoder] | None = None,
) -> list[Match]:
    """Return the photos most like a photo or a text, best first.

    Args:
        session: A session that reads the catalogue.
        like: The id of a photo, which is left out of the result, or a text.
        within: A query that the photos must match, in the keyword language or prepared.
        limit: Maximum number of photos.
        cut: Leave out photos whose similarity chance explains; see `catalog.similar.chance`.
        exact: Compare every vector even where PostgreSQL has an index.
        cache_dir: Where the file of vectors is kept; `KADR_CACHE_DIR` if None.
        load_encoder: Returns the encoder of a model by its name; needed for a text.

    Raises:
        NotFoundError: The catalogue holds no vectors, or none of this photo, or there is no
            encoder for the text.
        ModelMismatchError: The encoder is not the model that encoded the photos.
        QueryError: `within` is not a valid query.
    """
    index = open_index(session, exact=exact, cache_dir=cache_dir)
    ready = query.prepare(session, within) if isinstance(within, str) else within
    if isinstance(like, int):
        vector = vector_file.vector_of(session, like, index.model)
        direction = directions.like_photo(index.sample, vector)
        found = index.find(direction, ready, limit=limit + 1, cut=cut)
        return [match for match in found if match.photo_id != like][:limit]
    if load_encoder is None:
        raise NotFoundError("there is no text encoder here; run `kadr search --like`")
    direction = directions.encode_query(load_encoder(index.model.name), like, index.model)
    return index.find(direction, ready, limit=limit, cut=cut)


def open_index(
    session: Session, *, exact: bool = False, cache_dir: Path | None = None
) -> VectorIndex:
    """Open the server's index of the catalogue's model if there is one, else the file of vectors.

    Raises:
        NotFoundError: The catalogue holds no vectors.
    """
    model = vector_file.find_model(session)
    found = None if exact else hnsw.open_index(session, model)
    if found is not None:
        return found
    return vector_file.open_index(session, cache_dir or settings.load().cache_dir, model=model)
