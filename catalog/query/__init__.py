"""Search: turns a query into SQL and returns a page, a count, facets, or one photo.

The names below are the public interface, for the commands in `catalog.cli`, for `catalog.groups`
and `catalog.similar`, and for programs that use Kadr as a library.
"""

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
