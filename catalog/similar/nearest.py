"""The photos most alike in a direction, by whichever index the catalogue has."""

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from catalog import settings
from catalog.query import Prepared, all_matches
from catalog.similar import exact as exact_search
from catalog.similar import hnsw, vector_file
from catalog.similar.exact import Match
from catalog.similar.hnsw import HnswIndex
from catalog.similar.vector_file import VectorIndex


def open_index(session: Session, *, exact: bool) -> VectorIndex | HnswIndex:
    """Give the server's index where there is one, else the file of all vectors."""
    model = vector_file.find_model(session)
    found = None if exact else hnsw.open_index(session, model)
    return found or vector_file.open_index(session, settings.load().cache_dir, model=model)


def find(
    within: Prepared,
    index: VectorIndex | HnswIndex,
    direction: NDArray[np.float32],
    limit: int,
    *,
    cut: bool,
) -> list[Match]:
    """Find matches among the photos of a query."""
    if isinstance(index, HnswIndex):
        return hnsw.find_nearest(index, direction, within, limit=limit, cut=cut)
    among = all_matches.find_id_array(within.session, within)
    return exact_search.find_nearest(index, direction, limit=limit, among=among, cut=cut)
