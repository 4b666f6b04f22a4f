"""Finds photos in the keyword language: the search that the command and other programs call.

`prepare` reads a query once and answers all that is asked of it: pages, counts, ids, facets.
`search`, `count` and `find_ids` prepare it for one question.
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
    """Photos in order, and the mark to give as `after` for those that follow."""

    hits: tuple[Hit, ...]
    #: None where the result ends with this page.
    next_cursor: str | None
    #: Words of the query that no tag of the catalogue goes by.
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared(plan.Plan):
    """A query that was read and looked up once, to be asked in its session as often as you like."""

    text: str

    def page(
        self, *, sort: Sort | str = Sort.RELEVANCE, limit: int = 50, after: str | None = None
    ) -> Page:
        """Find photos; a photo is on one page only, however many arrive between two pages.

        Raises:
            QueryError: the mark is wrong.
        """
        order = Sort(sort)
        mark = None if after is None else pages.decode(after, sort=order, query=self.text)
        places = _find_places(self, order, limit + 1, mark)
        shown, rest = places[:limit], places[limit:]
        more = pages.encode(shown[-1], sort=order, query=self.text) if rest and shown else None
        found = hits.load(self.session, shown, least=self.least)
        return Page(tuple(found), more, self.unknown_words())

    def count(self, *, cap: int | None = None) -> int:
        """Count the photos: exactly, or up to a cap."""
        return counting.count(self, cap)

    def ids(self, *, sort: Sort | str = Sort.RELEVANCE, limit: int | None = None) -> list[int]:
        """Find the ids of all photos (or the first `limit`), in order."""
        return [place.photo_id for place in _find_places(self, Sort(sort), limit, None)]

    def facets(self, *, limit: int = facets.SHOWN) -> facets.Facets:
        """Count what the photos have in common."""
        return facets.count_facets(self, limit=limit)

    def unknown_words(self) -> tuple[str, ...]:
        """Return the words that no tag goes by."""
        unknown = (word.text for word, term in self.terms.items() if not term.tag_ids)
        return tuple(dict.fromkeys(unknown))


def prepare(
    session: Session, text: str, *, least: float | None = None, now: datetime | None = None
) -> Prepared:
    """Read a query and look its words up.

    Args:
        session: where it is asked.
        text: the query in the keyword language; empty for all photos.
        least: how sure a keyword must be to count; by default KADR_MIN_CONFIDENCE.
        now: what `added:>-7d` counts from (aware); by default the machine's clock and zone.

    Raises:
        QueryError: the query is wrong; it says where and why.
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
    """Find a page of photos: see `prepare` and `Prepared.page`."""
    return prepare(session, text, now=now).page(sort=sort, limit=limit, after=after)


def count(
    session: Session, text: str, *, cap: int | None = None, now: datetime | None = None
) -> int:
    """Count the photos that a query finds: see `prepare` and `Prepared.count`."""
    return prepare(session, text, now=now).count(cap=cap)


def find_ids(
    session: Session,
    text: str,
    *,
    sort: Sort | str = Sort.RELEVANCE,
    limit: int | None = None,
    now: datetime | None = None,
) -> list[int]:
    """Find the ids of all photos of a query: see `prepare` and `Prepared.ids`."""
    return prepare(session, text, now=now).ids(sort=sort, limit=limit)


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
