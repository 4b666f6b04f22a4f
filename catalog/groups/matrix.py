"""Loads photos and their keywords as one sparse matrix, for all groups by keywords.

One row per keyword on a photo would be fifteen million Python objects for a million photos. The
database joins the photos of each tag into one text instead, which NumPy parses at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sqlalchemy import BigInteger, Integer, Select, Text, cast, func, select
from sqlalchemy.orm import Session

from catalog.db.sql import member, read_ids
from catalog.db.tables import PhotoTag
from catalog.query import all_matches, plan
from catalog.tags import threshold

#: Confidences are read in thousandths; a keyword that a photo has counts at least `_LEAST`.
_SCALE, _LEAST = 1000, 0.1
#: A photo and its confidence are read as one number: id x _PACK + thousandths.
_PACK = 1024
#: At most so many photos are selected by id; for more, all rows are read.
_FEW_PHOTOS = 50_000
_TAGS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Incidence:
    """A photo-by-tag matrix of confidences."""

    #: (n_photos,) int64, ascending.
    photo_ids: NDArray[np.int64]
    #: (n_tags,) int64, ascending; only tags that some of the photos have.
    tag_ids: NDArray[np.int64]
    #: (n_photos, n_tags) float32: the confidence, at least 0.1 where the photo has the tag.
    rated: sparse.csr_array

    @property
    def has(self) -> sparse.csr_array:
        """The same matrix with 1 for every keyword."""
        ones = np.ones(self.rated.nnz, dtype=np.float32)
        return sparse.csr_array((ones, self.rated.indices, self.rated.indptr), self.rated.shape)


def load(
    session: Session, ready: plan.Plan, photo_ids: NDArray[np.int64] | None = None
) -> Incidence:
    """Return the keywords of a query's photos, or of `photo_ids` (n,) int64, ascending."""
    if photo_ids is None:
        photo_ids = all_matches.find_id_array(session, ready)
    tag_ids: list[NDArray[np.int64]] = []
    rows: list[NDArray[np.int32]] = []
    columns: list[NDArray[np.int32]] = []
    values: list[NDArray[np.float32]] = []
    n_tags = 0
    last = int(photo_ids[-1]) if len(photo_ids) else 0
    place_of = np.full(last + 2, -1, dtype=np.int32)  # by id; the last is for ids beyond
    place_of[photo_ids] = np.arange(len(photo_ids))
    joined = session.execute(_joined(session, photo_ids, ready.least))
    for part in joined.partitions(_TAGS_AT_ONCE):
        tags, counts, packed = zip(*part, strict=True)
        found, thousandths = np.divmod(all_matches.parse_numbers(",".join(packed)), _PACK)
        row = place_of[np.minimum(found, len(place_of) - 1)]
        kept = row >= 0
        column, place = np.unique(
            np.repeat(np.arange(len(tags)), counts)[kept], return_inverse=True
        )
        tag_ids.append(np.array(tags, dtype=np.int64)[column])
        rows.append(row[kept])
        columns.append((n_tags + place).astype(np.int32))
        values.append((thousandths[kept] / _SCALE).astype(np.float32))
        n_tags += len(column)
    shape = (len(photo_ids), n_tags)
    if not n_tags:
        empty = sparse.csr_array(shape, dtype=np.float32)
        return Incidence(photo_ids, np.empty(0, dtype=np.int64), empty)
    data = np.maximum(np.concatenate(values), _LEAST)
    index = (np.concatenate(rows), np.concatenate(columns))
    rated = sparse.csr_array(sparse.coo_array((data, index), shape=shape))
    return Incidence(photo_ids, np.concatenate(tag_ids), rated)


def find_ids_sharing(
    session: Session, ready: plan.Plan, tag_ids: Sequence[int], least: int
) -> NDArray[np.int64]:
    """Return a query's photos with at least `least` of some tags: (n,) int64, ascending."""
    some = (
        select(PhotoTag.photo_id)
        .where(
            member(PhotoTag.tag_id, tag_ids, ready.dialect),
            threshold.counts(PhotoTag, ready.least),
        )
        .group_by(PhotoTag.photo_id)
        .having(func.count() >= least)
        .subquery("some")
    )
    return read_ids(session, select(some.c.photo_id).where(ready.matches(some.c.photo_id)))


def count_photos(session: Session, ready: plan.Plan) -> dict[int, int]:
    """Return how many photos of a query have each tag, by tag id."""
    query = select(PhotoTag.tag_id, func.count()).where(
        threshold.counts(PhotoTag, ready.least),
        ready.matches(PhotoTag.photo_id, is_whole=True),
    )
    return dict(session.execute(query.group_by(PhotoTag.tag_id)).all())


def _joined(session: Session, photo_ids: NDArray[np.int64], least: float) -> Select[int, int, str]:
    thousandths = cast(func.round(PhotoTag.confidence * _SCALE), Integer)
    packed = cast(PhotoTag.photo_id, BigInteger) * _PACK + thousandths
    statement = (
        select(
            PhotoTag.tag_id,
            func.count(),
            func.aggregate_strings(cast(packed, Text), ","),
        )
        .where(threshold.counts(PhotoTag, least))
        .group_by(PhotoTag.tag_id)
        .order_by(PhotoTag.tag_id)
    )
    if len(photo_ids) <= _FEW_PHOTOS:
        dialect = session.get_bind().dialect.name
        statement = statement.where(member(PhotoTag.photo_id, photo_ids.tolist(), dialect))
    return statement.execution_options(yield_per=_TAGS_AT_ONCE)
