"""Finds large results with one boolean per photo for each part of a query, combined by NumPy.

`counting`, `facets` and `all_sorted` call it where `counting.are_flags_cheaper` returns True;
`find_id_array` serves `catalog.groups` and `catalog.similar`. Example: for `dog -beach`,

    dog, beach = zeros(max_id + 1, bool), zeros(max_id + 1, bool)
    dog[ids of dog] = True
    beach[ids of beach] = True
    matches = dog & ~beach

A database would instead sort or hash a million ids to remove duplicates, and probe an index once
per id to test for a second keyword. Reading ids in bulk and setting flags is much cheaper.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, LargeBinary, Text, cast, func, literal_column, select
from sqlalchemy.orm import Session

from catalog.db.sql import member
from catalog.db.tables import Photo
from catalog.language.tree import And, Node, Not, Or, Word
from catalog.query import conditions
from catalog.query.compiler import Compiler, rules_of
from catalog.query.plan import DRIVEN, Plan, matching_ids

Flags = NDArray[np.bool_]


def count(plan: Plan) -> int:
    """Return the number of matches of a query that has a driver (see `plan`)."""
    return int(np.count_nonzero(_get_matches(plan)))


def find_ids(plan: Plan) -> list[int]:
    """Return the ids of all matches of a query that has a driver, in ascending order."""
    ids: list[int] = np.flatnonzero(_get_matches(plan)).tolist()
    return ids


def _get_matches(plan: Plan) -> Flags:
    """Return (max_id + 1,) bool: True at the id of each match.

    NOT also sets flags at ids that no photo has. The driver clears them again: every match has one
    of its keywords, and only photos have keywords.
    """
    n_ids = (plan.session.scalar(select(func.max(Photo.id))) or 0) + 1
    found = _get_flags(plan, plan.node, n_ids)
    if not conditions.mentions_missing(plan.node):
        gone = _read_ids(plan.session, Photo.id, Photo.missing_since.is_not(None))
        found[gone[gone < n_ids]] = False
    return found


def _get_flags(plan: Plan, node: Node, n_ids: int) -> Flags:
    match node:
        case And():
            parts = [_get_flags(plan, child, n_ids) for child in node.children]
            return np.logical_and.reduce(parts, initial=True) if parts else np.ones(n_ids, np.bool_)
        case Or():
            parts = [_get_flags(plan, child, n_ids) for child in node.children]
            return np.logical_or.reduce(parts) if parts else np.zeros(n_ids, np.bool_)
        case Not():
            return ~_get_flags(plan, node.child, n_ids)
        case Word():
            is_one = member(DRIVEN.tag_id, plan.terms[node].tag_ids, plan.dialect)
            counted = (is_one, *rules_of(DRIVEN, node.rules, plan.least))
            ids = _read_ids(plan.session, DRIVEN.photo_id, *counted)
        case _:
            photo_id: Any = Photo.id
            subject = conditions.Subject(
                photo_id, plan.dialect, Photo, is_whole=True, least=plan.least
            )
            ids = _read_ids(plan.session, photo_id, Compiler(plan.terms, subject).condition(node))
    flags = np.zeros(n_ids, np.bool_)
    flags[ids[ids < n_ids]] = True  # larger ids were added after the search began
    return flags


def _read_ids(session: Session, column: Any, *conditions: ColumnElement[bool]) -> NDArray[np.int64]:  # noqa: ANN401
    """Return a column of ids, fetched as a single value: a million rows take a second to fetch."""
    if session.get_bind().dialect.name == "sqlite":
        listed = session.scalar(select(func.group_concat(column)).where(*conditions))
        return np.fromstring(listed or "", dtype=np.int64, sep=",")
    packed = func.string_agg(func.int8send(column), literal_column("''::bytea"), type_=LargeBinary)
    found = session.scalar(select(packed).where(*conditions))
    return np.frombuffer(found or b"", dtype=">i8").astype(np.int64)


def find_id_array(session: Session, ready: Plan) -> NDArray[np.int64]:
    """Return the ids of all photos that a query finds: (n_photos,) int64, ascending."""
    driver = ready.driver
    if driver is not None and not driver.tag_ids:
        return np.empty(0, dtype=np.int64)
    ids = matching_ids(ready, driver).subquery()
    joined = session.scalar(select(func.aggregate_strings(cast(ids.c[0], Text), ",")))
    return np.sort(parse_numbers(joined or ""))


def parse_numbers(text: str) -> NDArray[np.int64]:
    """Return comma-separated integers as an array: (n,) int64."""
    return np.fromstring(text, dtype=np.int64, sep=",")
