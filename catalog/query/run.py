"""Runs queries in the keyword language; commands and other programs call it as `catalog.query`.

`prepare` parses a query once and returns an object for its pages, counts, ids and facets; `search`,
`count` and `find_ids` are shortcuts that prepare a query for a single call.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from catalog.language import parser
from catalog.language.tree import Filter, walk, words_of
from catalog.query import (
    all_sorted,
    by_date,
    by_relevance,
    counting,
    facets,
    geo,
    hits,
    pages,
    plan,
    terms,
)
from catalog.query.compiler import has_words
from catalog.query.hits import Hit
from catalog.query.pages import Sort
from catalog.tags import threshold


@dataclass(frozen=True, slots=True)
class Page:
    """Photos in order, and the cursor to pass as `after` for the next page."""

    hits: tuple[Hit, ...]
    #: None on the last page.
    next_cursor: str | None
    #: Words of the query that are not the name or an alias of any tag.
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared(plan.Plan):
    """A query that was parsed and whose words were looked up.

    It is valid as long as its session, and until that session changes the catalogue.
    """

    text: str

    def page(
        self, *, sort: Sort | str = Sort.RELEVANCE, limit: int = 50, after: str | None = None
    ) -> Page:
        """Return a page of photos; no photo is on two pages, even if others arrive in between.

        Raises:
            QueryError: The cursor `after` is damaged, or belongs to another query or order.
        """
        order = Sort(sort)
        mark = None if after is None else pages.decode(after, sort=order, query=self.text)
        places = find_places(self, order, limit + 1, mark)
        shown, rest = places[:limit], places[limit:]
        more = pages.encode(shown[-1], sort=order, query=self.text) if rest and shown else None
        found = hits.load(self.session, shown, least=self.least)
        return Page(tuple(found), more, self.unknown_words())

    def count(self, *, cap: int | None = None) -> int:
        """Return the number of photos: exact, or at most `cap`."""
        return counting.count(self, cap)

    def ids(self, *, sort: Sort | str = Sort.RELEVANCE, limit: int | None = None) -> list[int]:
        """Return the ids of all photos (or of the first `limit`), in order."""
        return [place.photo_id for place in find_places(self, Sort(sort), limit, None)]

    def facets(self, *, limit: int = facets.SHOWN) -> facets.Facets:
        """Return the most frequent keywords, years, cameras and formats among the photos."""
        return facets.count_facets(self, limit=limit)

    def unknown_words(self) -> tuple[str, ...]:
        """Return the words of the query that are not the name or an alias of any tag."""
        unknown = (word.text for word, term in self.terms.items() if not term.tag_ids)
        return tuple(dict.fromkeys(unknown))


def prepare(
    session: Session, text: str, *, least: float | None = None, now: datetime | None = None
) -> Prepared:
    """Parse a query and look its words up.

    Args:
        session: The session in which the query runs.
        text: The query in the keyword language; empty for all photos.
        least: The least confidence at which a keyword counts; by default KADR_MIN_CONFIDENCE.
        now: The time that `added:>-7d` counts from (aware); by default the machine's clock and
            time zone.

    Raises:
        QueryError: The query is invalid; the message says where and why.
    """
    node = parser.parse(text, now=now or datetime.now().astimezone())
    if any(isinstance(each, Filter) and each.field == "near" for each in walk(node)):
        geo.teach_sqlite(session)
    found = terms.resolve(session, words_of(node))
    return Prepared(session, node, found, threshold.choose(least), text)


def search(
    session: Session,
    text: str,
    *,
    sort: Sort | str = Sort.RELEVANCE,
    limit: int = 50,
    after: str | None = None,
    now: datetime | None = None,
) -> Page:
    """Return a page of photos: see `prepare` and `Prepared.page`."""
    return prepare(session, text, now=now).page(sort=sort, limit=limit, after=after)


def count(
    session: Session, text: str, *, cap: int | None = None, now: datetime | None = None
) -> int:
    """Return the number of photos that a query finds: see `prepare` and `Prepared.count`."""
    return prepare(session, text, now=now).count(cap=cap)


def find_ids(
    session: Session,
    text: str,
    *,
    sort: Sort | str = Sort.RELEVANCE,
    limit: int | None = None,
    now: datetime | None = None,
) -> list[int]:
    """Return the ids of all photos that a query finds: see `prepare` and `Prepared.ids`."""
    return prepare(session, text, now=now).ids(sort=sort, limit=limit)


def find_places(
    ready: plan.Plan, sort: Sort, limit: int | None, after: pages.Position | None
) -> list[pages.Position]:
    """Return the first `limit` matches after a position, found in the cheapest way.

    A page by relevance whose query has a driver is found by `by_relevance`, and a page by date by
    `by_date`; all other results are sorted by `all_sorted`.
    """
    driver = ready.driver
    if driver is not None and not driver.tag_ids:
        return []
    is_ranked = sort is Sort.RELEVANCE and has_words(ready.node)
    if limit is None or sort is Sort.NAME or (driver is None and is_ranked):
        return all_sorted.find_sorted(ready, driver, sort, limit, after)
    if driver is not None and is_ranked:
        return by_relevance.find_best(ready, driver, limit, after)
    return by_date.find_by_date(ready, driver, sort, limit, after)
