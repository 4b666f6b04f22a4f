"""Finds large results with one boolean per photo for each part of a query, combined by NumPy.

`counting`, `facets` and `all_sorted` call it where `counting.are_flags_cheaper` returns True;
`find_id_array` serves `catalog.groups` and `catalog.similar`. Example: for `dog -beach`,

    dog, beach = zeros(max_id + 1, bool), zeros(max_id + 1, bool)
    dog[ids of dog] = True
    beach[ids of beach] = True
    matches = dog & ~beach

A database would instead sort or hash a million ids to remove duplicates, and probe an index once
per id to test for a second keyword. Reading ids in bulk and setting flags is much cheaper. Of an
AND the rarest part is read first; once so few photos are left that probing them costs less than
reading the next part, the database tests the rest of the query on those alone. Words that were read
a moment ago are kept (`kept_flags`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Integer, LargeBinary, Text, cast, func, literal_column, select
from sqlalchemy.orm import Session

from catalog.db.sql import member
from catalog.db.tables import Photo
from catalog.language.tree import And, Node, Not, Or, Word
from catalog.query import conditions, counting, kept_flags
from catalog.query.compiler import Compiler
from catalog.query.kept_flags import Flags
from catalog.query.plan import DRIVEN, Driver, Plan, has_driver, matching_ids

_MAX_INTEGER = 2**31 - 1


def count(plan: Plan) -> int:
    """Return the number of matches of a query that has a driver (see `plan`)."""
    return int(np.count_nonzero(_get_matches(plan)))


def find_ids(plan: Plan) -> list[int]:
    """Return the ids of all matches of a query that has a driver, in ascending order."""
    ids: list[int] = np.flatnonzero(_get_matches(plan)).tolist()
    return ids


def _get_matches(plan: Plan) -> Flags:
    if "flags" not in plan.found:
        plan.found["flags"] = _find_matches(plan)
    flags: Flags = plan.found["flags"]
    return flags


def _find_matches(plan: Plan) -> Flags:
    """Return (max_id + 1,) bool: True at the id of each match.

    NOT also sets flags at ids that no photo has. The driver clears them again: every match has one
    of its keywords, and only photos have keywords.
    """
    n_ids = (plan.session.scalar(select(func.max(Photo.id))) or 0) + 1
    found = _get_flags(plan, plan.node, n_ids)
    if not conditions.mentions_missing(plan.node):
        gone = _read_ids(plan, Photo.id, Photo.missing_since.is_not(None))
        found[gone[gone < n_ids]] = False
    return found


def _get_flags(plan: Plan, node: Node, n_ids: int) -> Flags:
    match node:
        case And():
            return _get_common_flags(plan, node, n_ids)
        case Or():
            parts = [_get_flags(plan, child, n_ids) for child in node.children]
            return np.logical_or.reduce(parts) if parts else np.zeros(n_ids, np.bool_)
        case Not():
            return ~_get_flags(plan, node.child, n_ids)
        case Word():
            return _get_flags_of_word(plan, node, n_ids)
        case _:
            return _as_flags(_read_photos(plan, node, is_whole=True), n_ids)


def _get_flags_of_word(plan: Plan, node: Word, n_ids: int) -> Flags:
    term = plan.terms[node]
    word = Driver(term.tag_ids, term.photos, rules=node.rules)

    def read() -> Flags:
        is_counted = has_driver(plan, DRIVEN, word, is_ranked=True)
        return _as_flags(_read_ids(plan, DRIVEN.photo_id, is_counted), n_ids)

    return kept_flags.get(plan.session, (word.tag_ids, word.rules, plan.least), n_ids, read)


def _get_common_flags(plan: Plan, node: And, n_ids: int) -> Flags:
    """Return the flags of an AND: the parts that take the fewest reads come first."""
    left = counting.sorted_by_reads(plan, node)
    if not left:
        return np.ones(n_ids, np.bool_)
    found = _get_flags(plan, left.pop(0), n_ids)
    while left:
        few = np.count_nonzero(found)
        if counting.is_probing_cheaper(plan, left[0], int(few)):
            candidates = member(Photo.id, np.flatnonzero(found).tolist(), plan.dialect)
            ids = _read_photos(plan, And(tuple(left)), candidates, is_whole=False)
            return _as_flags(ids, n_ids)
        found &= _get_flags(plan, left.pop(0), n_ids)
    return found


def _as_flags(ids: NDArray[np.int64], n_ids: int) -> Flags:
    flags = np.zeros(n_ids, np.bool_)
    flags[ids[ids < n_ids]] = True  # larger ids were added after the search began
    return flags


def _read_photos(
    plan: Plan, node: Node, *conditions_too: ColumnElement[bool], is_whole: bool
) -> NDArray[np.int64]:
    """Return the ids of photos that match a node, whether missing or not."""
    photo_id: Any = Photo.id
    subject = conditions.Subject(photo_id, plan.dialect, Photo, is_whole, least=plan.least)
    is_match = Compiler(plan.terms, subject).condition(node)
    return _read_ids(plan, photo_id, *conditions_too, is_match)


def _read_ids(plan: Plan, column: Any, *conditions: ColumnElement[bool]) -> NDArray[np.int64]:  # noqa: ANN401
    """Return a column of ids, fetched as a single value: a million rows take a second to fetch."""
    if plan.dialect == "sqlite":
        listed = plan.session.scalar(select(func.group_concat(column)).where(*conditions))
        return parse_numbers(listed or "")
    # An id of eight bytes takes a fifth longer to send, and almost no catalogue has any.
    is_short = plan.last_id <= _MAX_INTEGER
    sent = func.int4send(cast(column, Integer)) if is_short else func.int8send(column)
    packed = func.string_agg(sent, literal_column("''::bytea"), type_=LargeBinary)
    found = plan.session.scalar(select(packed).where(*conditions))
    return np.frombuffer(found or b"", dtype=">i4" if is_short else ">i8").astype(np.int64)


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
