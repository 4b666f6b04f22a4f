"""Finds photos in the keyword language: the search that the command and other programs call.

`search` gives a page and the mark of the next one, `count` how many there are, `find_ids` all of
them.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from catalog.language import parser
from catalog.language.tree import Filter, walk, words_of
from catalog.query import all_sorted, by_date, by_relevance, counting, geo, hits, pages, plan, terms
from catalog.query.compiler import has_words
from catalog.query.hits import Hit
from catalog.query.pages import Sort


@dataclass(frozen=True, slots=True)
class Page:
    """Photos in order, and the mark to give to `search` as `after` for those that follow."""

    hits: tuple[Hit, ...]
    #: None where the result ends with this page.
    next_cursor: str | None
    #: Words of the query that no tag of the catalogue goes by.
    unknown: tuple[str, ...] = ()


def search(
    session: Session,
    text: str,
    *,
    sort: Sort | str = Sort.RELEVANCE,
    limit: int = 50,
    after: str | None = None,
    now: datetime | None = None,
) -> Page:
    """Find photos; a photo is on one page only, however many arrive between two pages.

    `now` (aware) is what `added:>-7d` counts from; the machine's clock and zone if None.

    Raises:
        QueryError: the query or the mark is wrong; it says where and why.
    """
    ready, order = prepare(session, text, now=now), Sort(sort)
    mark = None if after is None else pages.decode(after, sort=order, query=text)
    places = _find_places(ready, order, limit + 1, mark)
    shown, rest = places[:limit], places[limit:]
    following = pages.encode(shown[-1], sort=order, query=text) if rest and shown else None
    return Page(tuple(hits.load(session, shown)), following, unknown_words(ready))


def count(
    session: Session, text: str, *, cap: int | None = None, now: datetime | None = None
) -> int:
    """Count the photos that a query finds: exactly, or up to a cap."""
    return counting.count(prepare(session, text, now=now), cap)


def find_ids(
    session: Session,
    text: str,
    *,
    sort: Sort | str = Sort.RELEVANCE,
    limit: int | None = None,
    now: datetime | None = None,
) -> list[int]:
    """Find the ids of all photos (or the first `limit`) that a query finds, in order."""
    ready = prepare(session, text, now=now)
    return [place.photo_id for place in _find_places(ready, Sort(sort), limit, None)]


def prepare(session: Session, text: str, *, now: datetime | None = None) -> plan.Plan:
    """Read a query and look its words up."""
    node = parser.parse(text, now=now or datetime.now().astimezone())
    if any(isinstance(each, Filter) and each.field == "near" for each in walk(node)):
        geo.teach_sqlite(session)
    return plan.Plan(session, node, terms.resolve(session, words_of(node)))


def unknown_words(ready: plan.Plan) -> tuple[str, ...]:
    """Give the words of a query that no tag goes by."""
    return tuple(dict.fromkeys(word.text for word, term in ready.terms.items() if not term.tag_ids))


def _find_places(
    ready: plan.Plan, sort: Sort, limit: int | None, after: pages.Position | None
) -> list[pages.Position]:
    """Choose how to find the first `limit` matches after a place, in order."""
    driver = ready.driver
    if driver is not None and not driver.tag_ids:
        return []
    is_ranked = sort is Sort.RELEVANCE and has_words(ready.node)
    if limit is None or sort is Sort.NAME or (driver is None and is_ranked):
        return all_sorted.find_sorted(ready, driver, sort, limit, after)
    if driver is not None and is_ranked:
        return by_relevance.find_best(ready, driver, limit, after)
    return by_date.find_by_date(ready, driver, sort, limit, after)
