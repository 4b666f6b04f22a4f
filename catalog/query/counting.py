"""Counts the photos that a query finds: in SQL for small results, with NumPy flags for large ones.

`run` calls `count`; `facets` and `all_sorted` ask `are_flags_cheaper` to choose between the two.
"""

import math

from sqlalchemy import func, select

from catalog.language.tree import And, AnyKeyword, Filter, Node, Word, walk, words_of
from catalog.query.plan import Driver, Plan, find_driver, matching_ids, without

#: With fewer photos than this, importing NumPy takes longer than it saves.
MANY = 20_000
#: The costs of probing one photo for a keyword and of removing one duplicate id. The unit is the
#: cost of reading one id as a flag; measured on both databases (`benchmarks/search.py`).
LOOK_UP, KEEP_APART = 10, 2


def count(plan: Plan, cap: int | None) -> int:
    """Return the number of matches: exact, or at most `cap`."""
    driver = plan.driver
    if driver is not None and not driver.tag_ids:
        return 0
    if driver is not None and are_flags_cheaper(plan, driver, cap):
        from catalog.query import all_matches  # noqa: PLC0415 - brings NumPy, for many matches alone

        found = all_matches.count(plan)
        return found if cap is None else min(found, cap)
    ids = matching_ids(plan, driver, is_whole=cap is None).limit(cap).subquery()
    return plan.session.scalar(select(func.count()).select_from(ids)) or 0


def are_flags_cheaper(plan: Plan, driver: Driver, cap: int | None = None) -> bool:
    """Return whether reading the ids of words is cheaper than probing the driver's photos.

    With a cap, only as many are probed as it takes to find so many matches.

    It compares estimates, in ids read (the driver is explained in `plan`):

        read  = see `count_reads_of_all`
        probe = driver.photos * (LOOK_UP * n_other_conditions + apart)
        apart = KEEP_APART if the driver has several tags, else 0

    Example: for `dog beach`, with one tag of 300,000 photos and one of 500,000, reading costs
    800,000 and probing 300,000 * 10 = 3,000,000, so flags are cheaper.
    """
    if driver.photos < MANY or any(isinstance(each, AnyKeyword) for each in walk(plan.node)):
        return False
    rest = list(walk(without(plan.node, driver.covers)))
    looked_up = LOOK_UP * sum(isinstance(each, Word | Filter) for each in rest)
    kept_apart = KEEP_APART if len(driver.tag_ids) > 1 else 0
    probed: float = driver.photos
    if cap is not None:
        probed = min(probed, cap * driver.photos / estimate_matches(plan, driver))
    return probed * (looked_up + kept_apart) > count_reads_of_all(plan, plan.node)


def estimate_matches(plan: Plan, driver: Driver) -> float:
    """Return about how many photos match, at least 1.

    The words of an AND are taken to be independent: of ten photos with a word that half of the
    photos have, five match.
    """
    parts = plan.node.children if isinstance(plan.node, And) else ()
    others = [part for part in parts if part is not driver.covers]
    return max(1.0, driver.photos * math.prod(_share_of(plan, part) for part in others))


def _share_of(plan: Plan, part: Node) -> float:
    found = find_driver(part, plan.terms)
    return min(1.0, found.photos / plan.last_id) if found else 1.0


def count_reads_of_all(plan: Plan, node: Node) -> float:
    """Return about how many ids `all_matches` reads for a node: see `_count_reads`.

    The rarest part of an AND is read whole. Of the next ones, no more is read than it costs to
    probe the photos that are left.
    """
    if not isinstance(node, And):
        return _count_reads(plan, node)
    reads, left = 0.0, float("inf")
    for part in sorted_by_reads(plan, node):
        reads += min(_count_reads(plan, part), left * LOOK_UP * _count_conditions(part))
        left = min(left, plan.last_id) * _share_of(plan, part)
    return reads


def sorted_by_reads(plan: Plan, node: And) -> list[Node]:
    """Return the parts of an AND, those that take the fewest reads first."""
    return sorted(node.children, key=lambda part: _count_reads(plan, part))


def is_probing_cheaper(plan: Plan, node: Node, photos: int) -> bool:
    """Return whether testing a node on so many photos is cheaper than reading all its ids."""
    return photos * LOOK_UP * _count_conditions(node) < _count_reads(plan, node)


def _count_reads(plan: Plan, node: Node) -> int:
    """Return how many ids are read for a node: those of its words, and for a filter all."""
    read = sum(plan.terms[word].photos for word in words_of(node))
    return read + plan.last_id * sum(isinstance(each, Filter) for each in walk(node))


def _count_conditions(node: Node) -> int:
    return sum(isinstance(each, Word | Filter) for each in walk(node))
