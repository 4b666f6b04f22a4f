"""Returns the best matches first without computing the relevance of every match; `run` calls it.

The algorithm is Fagin's threshold algorithm (doi:10.1016/S0022-0000(03)00026-6). It reads the
driver's photos (see `plan`) in order of confidence and stops once no unread photo can be better:

    relevance(a AND b) = min(confidence(a), confidence(b)) <= confidence(driver)

Example: for `puppy beach` with the driver `puppy`, if the page's last match has relevance 0.8 and
the next `puppy` photo has confidence 0.7, every unread photo has a relevance of at most 0.7.

Where another part of the AND is about as common as the driver, its photos down to the same
confidence are read too and the two lists are intersected. Looking thousands of photos up one by one
would take far longer. Each such read of the index is called a look.

The more common words an AND has, the deeper its looks go: the best photo of one word is seldom the
best of all five. Where they would read more than it takes to find all matches by flags, these are
found and sorted instead.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, func, literal, literal_column, select, true, tuple_
from sqlalchemy.orm import aliased

from catalog.db.sql import as_real, member
from catalog.db.tables import PhotoTag, Tag
from catalog.language.tree import And, Word
from catalog.query import all_sorted, counting
from catalog.query.compiler import rules_of
from catalog.query.pages import Position, Sort
from catalog.query.plan import DRIVEN, Driver, Plan, find_driver, has_driver

#: Photos in the first look, shared among the driver's tags: at least, and at most.
FIRST_LOOK, WIDEST_FIRST_LOOK = 400, 12_800
#: Each look is this many times as deep as the one before.
GROWTH = 4
#: The least depth of a look for each tag.
LEAST_LOOK = 8
#: Parts up to this many times as common as the driver are read beside it, not probed per photo.
AS_COMMON = 4
#: A look with parts beside it restarts at the top; one that would read more than
#: 1/FEW_LEFT of the driver's photos reads all of them.
FEW_LEFT = 2

#: What a look takes for a row, in ids read by `all_matches`: SQL intersects the lists.
LOOK = 6

#: A first look is so many times as deep as is expected to be enough.
_SPARE = 1.5

_BESIDE = aliased(PhotoTag, name="beside")


def find_best(plan: Plan, driver: Driver, limit: int, after: Position | None) -> list[Position]:
    """Return the first `limit` matches after a position, best first."""
    if _is_sorting_cheaper(plan, driver, limit):
        return all_sorted.find_sorted(plan, driver, Sort.RELEVANCE, limit, after)
    best: dict[int, Position] = {}
    for high, low in _looks(plan, driver, limit, after):
        if low is None and high is None:  # this look has no bounds: it would read all photos
            return all_sorted.find_sorted(plan, driver, Sort.RELEVANCE, limit, after)
        for place in _look(plan, driver, (high, low), limit, after):
            best[place.photo_id] = place
        ranked = sorted(best.values(), key=_descending)[:limit]
        if len(ranked) == limit and low is not None and _descending(ranked[-1]) <= _descending(low):
            break
        best = {place.photo_id: place for place in ranked}
    return sorted(best.values(), key=_descending)[:limit]


def _descending(place: Position) -> tuple[float, int]:
    return (-float(place.key or 0), -place.photo_id)  # type: ignore[arg-type]


def _looks(
    plan: Plan, driver: Driver, limit: int, after: Position | None
) -> Iterator[tuple[Position | None, Position | None]]:
    """Yield the bounds (high, low) of each look, best first; None is unbounded.

    A look covers the driver's rows below `high`, down to and including `low`.
    """
    high = after if isinstance(plan.node, Word) and len(driver.tag_ids) == 1 else None
    depth = max(_first_look(plan, driver, limit) // len(driver.tag_ids), LEAST_LOOK)
    is_beside = bool(_find_beside(plan, driver))
    while True:
        is_last = is_beside and depth * FEW_LEFT > driver.photos
        low = None if is_last else _rank(plan, driver, high, depth)
        yield high, low
        if low is None:
            return
        # With parts beside, a look skips photos whose confidence in such a part is below `low`.
        # The next look has a lower `low` and may accept them, so it begins at the top again.
        high, depth = (high if is_beside else low), depth * GROWTH


def _first_look(plan: Plan, driver: Driver, limit: int) -> int:
    """Return how many photos of the driver the first look reads: enough for a page, it is hoped."""
    n_words = len(_find_words(plan))
    if n_words < 2 or not driver.photos:  # noqa: PLR2004
        return FIRST_LOOK
    is_pair = n_words == 2  # noqa: PLR2004 - of more words, the guess is a rough one
    widest = WIDEST_FIRST_LOOK if is_pair else WIDEST_FIRST_LOOK // 2
    wanted = driver.photos * _share_looked_at(plan, driver, limit) * _SPARE
    return int(min(max(FIRST_LOOK, wanted), widest))


def _is_sorting_cheaper(plan: Plan, driver: Driver, limit: int) -> bool:
    """Return whether looks would cost more than finding all matches by flags and sorting them."""
    words = _find_words(plan)
    if len(words) < 2 or not counting.are_flags_cheaper(plan, driver):  # noqa: PLR2004
        return False
    beside = driver.photos + sum(part.photos for part in _find_beside(plan, driver))
    looks = beside * _share_looked_at(plan, driver, limit) * LOOK
    rating = counting.estimate_matches(plan, driver) * len(words) * counting.LOOK_UP
    return counting.count_reads_of_all(plan, plan.node) + rating < looks


def _find_words(plan: Plan) -> list[Driver]:
    """Return what of an AND has a driver: its words, as a rule."""
    parts = plan.node.children if isinstance(plan.node, And) else ()
    return [found for part in parts if (found := find_driver(part, plan.terms))]


def _share_looked_at(plan: Plan, driver: Driver, limit: int) -> float:
    """Return which share of the driver's photos looks read to find a page, about.

    Were the k words of an AND independent, and their confidences distributed alike, a look at `d`
    of the driver's `n` photos would find `(d/n)^k * matches` photos.
    """
    matches = counting.estimate_matches(plan, driver)
    return min(1.0, float((limit / matches) ** (1 / len(_find_words(plan)))))


def _find_beside(plan: Plan, driver: Driver) -> list[Driver]:
    """Return the parts of an AND that are read beside its driver: words, and ORs of words."""
    if not isinstance(plan.node, And):
        return []
    others = [child for child in plan.node.children if child is not driver.covers]
    parts = [(child, find_driver(child, plan.terms)) for child in others]
    return [
        part
        for child, part in parts
        if part and part.covers is child and part.photos <= AS_COMMON * driver.photos
    ]


def _is_beside(plan: Plan, part: Driver, low: Position) -> ColumnElement[bool]:
    """Return the SQL condition that the driver's photo has `part`, as confidently as `low`."""
    beside = select(_BESIDE.photo_id).where(
        # The index can use one lower bound only: `has_driver` hides the threshold from it.
        has_driver(plan, _BESIDE, part),
        _BESIDE.confidence >= as_real(float(low.key or 0)),  # type: ignore[arg-type]
    )
    # Adding 0 keeps SQLite from looking each of these photos up in the driver's index.
    return (DRIVEN.photo_id + literal_column("0")).in_(beside)


def _rank(plan: Plan, driver: Driver, high: Position | None, depth: int) -> Position | None:
    """Return the position `depth` rows below `high` in the driver, or None if it has fewer rows.

    For several tags it is the greatest of their confidences at that depth, so that no tag has more
    than `depth` photos above it. Its id is 0, which includes all photos of that same confidence.
    """
    row = DRIVEN
    ranked = select(row.confidence, row.photo_id).where(
        *rules_of(row, driver.rules, plan.least, is_ranked=True), _below(row, high)
    )
    ranked = ranked.order_by(row.confidence.desc(), row.photo_id.desc()).limit(1).offset(depth)
    if len(driver.tag_ids) == 1:
        found = plan.session.execute(ranked.where(row.tag_id == driver.tag_ids[0])).first()
        return Position(found[0], found[1]) if found else None
    one = ranked.with_only_columns(row.confidence).where(row.tag_id == Tag.id)
    each = select(func.max(one.correlate(Tag).scalar_subquery()))
    best = plan.session.scalar(each.where(member(Tag.id, driver.tag_ids, plan.dialect)))
    return None if best is None else Position(best, 0)


def _below(row: Any, place: Position | None) -> ColumnElement[bool]:  # noqa: ANN401
    if place is None:
        return true()
    return tuple_(row.confidence, row.photo_id) < _pair(place)


def _pair(place: Position) -> ColumnElement[Any]:
    key = place.key if isinstance(place.key, float | int) else 0.0
    return tuple_(as_real(key), literal(place.photo_id))


def _look(
    plan: Plan,
    driver: Driver,
    look: tuple[Position | None, Position | None],
    limit: int,
    after: Position | None,
) -> list[Position]:
    high, low = look
    row = DRIVEN
    # The index can use one lower bound only, and `low` is tighter than the threshold.
    is_one = len(driver.tag_ids) == 1
    ids = select(row.photo_id.label("id"), *([row.confidence.label("own")] if is_one else []))
    ids = ids.where(has_driver(plan, row, driver, is_ranked=low is None), _below(row, high))
    if low is not None:
        ids = ids.where(
            tuple_(row.confidence, row.photo_id) >= _pair(low),
            *(_is_beside(plan, part, low) for part in _find_beside(plan, driver)),
        )
    # Without MATERIALIZED, PostgreSQL probes for the other words before it intersects the lists.
    seen = (ids if is_one else ids.distinct()).cte("seen")
    seen = seen.prefix_with("MATERIALIZED", dialect="postgresql")
    found = select(seen).where(plan.matches(seen.c.id, driver=driver)).cte("found")
    known = {driver.covers: found.c.own} if is_one and driver.covers is not None else None
    fit = plan.about(found.c.id, known=known).relevance(plan.node).label("fit")
    rated = select(found.c.id, fit).cte("rated")
    page = select(rated.c.fit, rated.c.id).order_by(rated.c.fit.desc(), rated.c.id.desc())
    if after is not None:
        page = page.where(tuple_(rated.c.fit, rated.c.id) < _pair(after))
    return [Position(fit, photo_id) for fit, photo_id in plan.session.execute(page.limit(limit))]
