"""The photo catalogue: what is known of photos and their keywords, and how to find them.

A library of its own: it needs a database and nothing else, and `worker` fills it. This module is
the way in; `docs/library.md` shows it. Names are loaded when they are first used, so that
`import catalog` loads neither SQLAlchemy nor NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog import groups
    from catalog.db.database import open_catalogue
    from catalog.query import search
    from catalog.similar.nearest import nearest

__all__ = ["groups", "nearest", "open_catalogue", "search"]

#: Where each function is defined. `groups` is a package: `catalog.groups.find_keyword_groups`.
_HOMES = {
    "nearest": "catalog.similar.nearest",
    "open_catalogue": "catalog.db.database",
    "search": "catalog.query",
}


def __getattr__(name: str) -> object:
    if name == "groups":
        return import_module("catalog.groups")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    message = f"module 'catalog' has no attribute {name!r}"
    raise AttributeError(message)
