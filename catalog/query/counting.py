"""How many photos a query finds: in SQL while few are looked at, by flags where many are."""

from sqlalchemy import func, select

from catalog.db.tables import Photo
from catalog.language.tree import AnyKeyword, Filter, Word, walk, words_of
from catalog.query.plan import Driver, Plan, matching_ids, without

#: Below so many rows the import of NumPy is not worth it.
MANY = 20_000
#: What it costs to look a keyword up and to keep an id apart, in ids that are read as flags;
#: measured on both databases (`benchmarks/search.py`).
LOOK_UP, KEEP_APART = 4, 2


def count(plan: Plan, cap: int | None) -> int:
    """Count the matches, up to a cap."""
    driver = plan.driver
    if driver is not None and not driver.tag_ids:
        return 0
    if cap is None and driver is not None and are_flags_cheaper(plan, driver):
        from catalog.query import all_matches  # noqa: PLC0415 - brings NumPy, for many matches alone

        return all_matches.count(plan)
    ids = matching_ids(plan, driver, is_whole=cap is None).limit(cap).subquery()
    return plan.session.scalar(select(func.count()).select_from(ids)) or 0


def are_flags_cheaper(plan: Plan, driver: Driver) -> bool:
    """Say that to read all photos of all words takes less than to look the driver's photos up."""
    if driver.photos < MANY or any(isinstance(each, AnyKeyword) for each in walk(plan.node)):
        return False
    rest = list(walk(without(plan.node, driver.covers)))
    looked_up = LOOK_UP * sum(isinstance(each, Word | Filter) for each in rest)
    kept_apart = KEEP_APART if len(driver.tag_ids) > 1 else 0
    read = sum(plan.terms[word].photos for word in words_of(plan.node))
    if n_filters := sum(isinstance(each, Filter) for each in rest):
        read += n_filters * (plan.session.scalar(select(func.max(Photo.id))) or 0)
    return driver.photos * (looked_up + kept_apart) > read
