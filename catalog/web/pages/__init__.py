"""The pages of the gallery, rendered on the server: finding and looking need no JavaScript.

One file a page; `frame` has what all of them share.
"""

from fastapi import FastAPI

from catalog.web.pages import groups, keywords, photo, review, search, settings, status

_PAGES = (search, photo, review, keywords, groups, status, settings)


def include(app: FastAPI) -> None:
    """Add the pages to an application."""
    for page in _PAGES:
        app.include_router(page.router, include_in_schema=False)
