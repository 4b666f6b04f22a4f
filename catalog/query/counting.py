"""Counts the photos that a query finds: in SQL for small results, with NumPy flags for large ones.

`run` calls `count`; `facets` and `all_sorted` ask `are_flags_cheaper` to choose between the two.
"""

import math

from sqlalchemy import func, select

from catalog.db.tables import Photo
from catalog.language.tree import And, AnyKeyword, Filter, Word, walk, words_of
from catalog.query.plan import Driver, Plan, find_driver, matching_ids, without

#: With fewer photos than this, importing NumPy takes longer than it saves.
MANY = 20_000
#: The costs of probing one photo for a keyword and of removing one duplicate id. The unit is the
#: cost of reading one id as a flag; measured on both databases (`benchmarks/search.py`).
LOOK_UP, KEEP_APART = 4, 2


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
    """Return whether reading every id of every word is cheaper than probing the driver's photos.

    With a cap, only as many are probed as it takes to find so many matches.

    It compares estimates, in ids read (the driver is explained in `plan`):

        read  = sum(photos of each word) + n_filters * max_id
        probe = driver.photos * (LOOK_UP * n_other_conditions + apart)
        apart = KEEP_APART if the driver has several tags, else 0

    Example: for `dog beach`, with one tag of 300,000 photos and one of 500,000, reading costs
    800,000 and probing 300,000 * 4 = 1,200,000, so flags are cheaper.
    """
    if driver.photos < MANY or any(isinstance(each, AnyKeyword) for each in walk(plan.node)):
        return False
    rest = list(walk(without(plan.node, driver.covers)))
    looked_up = LOOK_UP * sum(isinstance(each, Word | Filter) for each in rest)
    kept_apart = KEEP_APART if len(driver.tag_ids) > 1 else 0
    read = sum(plan.terms[word].photos for word in words_of(plan.node))
    if n_filters := sum(isinstance(each, Filter) for each in rest):
        read += n_filters * (plan.session.scalar(select(func.max(Photo.id))) or 0)
    probed = driver.photos if cap is None else _probed_for(plan, driver, cap)
    return probed * (looked_up + kept_apart) > read


def _probed_for(plan: Plan, driver: Driver, matches: int) -> float:
    """Return about how many of the driver's photos are probed to find so many matches.

    The words of an AND are taken to be independent: of ten photos with a word that half of the
    photos have, five match.
    """
    parts = plan.node.children if isinstance(plan.node, And) else ()
    others = [find_driver(part, plan.terms) for part in parts if part is not driver.covers]
    photos = plan.session.scalar(select(func.max(Photo.id))) or 1
    share = math.prod(min(1.0, other.photos / photos) for other in others if other)
    return min(float(driver.photos), matches / max(share, 1 / photos))
