"""Searches: a query becomes SQL, and its result a page, a count, facets, or one photo."""

from catalog.query.hits import Hit
from catalog.query.pages import Sort
from catalog.query.photo import PhotoDetail, get_photo
from catalog.query.run import Page, Prepared, count, find_ids, prepare, search

__all__ = [
    "Hit",
    "Page",
    "PhotoDetail",
    "Prepared",
    "Sort",
    "count",
    "find_ids",
    "get_photo",
    "prepare",
    "search",
]
