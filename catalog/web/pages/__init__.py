"""The pages of the gallery, rendered on the server: finding and looking need no JavaScript.

One file a page; `frame` has what all of them share.
"""

from fastapi import APIRouter

from catalog.web.pages import groups, keywords, photo, review, search, settings, status

router = APIRouter(include_in_schema=False)
for page in (search, photo, review, keywords, groups, status, settings):
    router.include_router(page.router)
