"""Finds the one photo that an argument means: an id, a path, or the end of a path."""

import os
from pathlib import PurePath

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import paths
from catalog.errors import NotFoundError
from catalog.filters import like_escape
from catalog.models import Photo, PhotoFile, Root

#: Paths that are named where a name is not enough to tell them apart.
_SHOWN_PATHS = 5
_MAX_LOOK = 1000
_MAX_DIGITS = 19


def find_photo_id(session: Session, path_or_id: str | int | PurePath) -> int:
    """Return the id of a photo, by its number, its path, or a path's unmistakable end.

    What names a file that is there means that file, whatever other paths end so.

    Raises:
        NotFoundError: there is none, or there are several.
    """
    text = str(path_or_id)
    if text.isascii() and text.isdigit():
        number = int(text[:_MAX_DIGITS])
        if len(text) < _MAX_DIGITS and session.get(Photo, number) is not None:
            return number
    given = os.path.expanduser(text)  # noqa: PTH111
    # From the working folder, where it may be gone, and as links lead there.
    places = (os.path.abspath(given), os.path.realpath(given))  # noqa: PTH100
    for place in places if os.path.exists(given) else (text, *places):  # noqa: PTH110
        if found := _find_by_path(session, place):
            break
    if len(found) == 1:
        return next(iter(found))
    if not found:
        message = f"{text}: no such photo in the catalogue; `kadr tag` its folder, or give its id"
        raise NotFoundError(message)
    examples = ", ".join(paths.printable(path) for path in sorted(found.values())[:_SHOWN_PATHS])
    raise NotFoundError(f"{text}: {len(found)} photos end so ({examples}); give more of the path")


def _find_by_path(session: Session, given: str) -> dict[int, str]:
    text = paths.to_text(given)
    whole = Root.path + "/" + PhotoFile.path
    if PurePath(given).is_absolute():
        beginnings = [text[:end] for end, char in enumerate(text) if char == "/" and end]
        pairs = [(root, text[len(root) + 1 :]) for root in ["", *beginnings]]
        is_it = Root.path.in_([root for root, _ in pairs]) & PhotoFile.path.in_(
            [path for _, path in pairs]
        )
        is_it &= whole == text
    else:
        is_it = (PhotoFile.path == text) | PhotoFile.path.like(f"%/{like_escape(text)}", escape="!")
    is_missing = PhotoFile.missing_since.is_not(None)
    query = (
        select(PhotoFile.photo_id, whole.label("path"), is_missing.label("is_missing"))
        .join(Root, Root.id == PhotoFile.root_id)
        .where(is_it, PhotoFile.photo_id.is_not(None))
        .order_by(is_missing, PhotoFile.id)
        .limit(_MAX_LOOK)
    )
    rows = session.execute(query).all()
    # What lies there now comes before what once did.
    now = [row for row in rows if not row.is_missing] or rows
    return {row.photo_id: row.path for row in reversed(now)}
