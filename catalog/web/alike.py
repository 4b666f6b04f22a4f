"""Photos that look like a photo or a text, and near duplicates, for pages and the API.

What computes them brings NumPy and SciPy, so it is imported when somebody first asks.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from catalog.query import Hit
from catalog.web.context import Web

if TYPE_CHECKING:
    from catalog.similar.exact import Match


def find_like(
    web: Web,
    session: Session,
    like: int | str,
    *,
    within: str = "",
    limit: int,
    cut: bool = True,
) -> list["Match"]:
    """Return the photos most like a photo, by its id, or a text; see `catalog.similar.nearest`."""
    from catalog.similar.nearest import nearest  # noqa: PLC0415 - see above

    return nearest(
        session,
        like,
        within=within,
        limit=limit,
        cut=cut,
        cache_dir=web.settings.cache_dir,
        load_encoder=web.services.load_encoder,
    )


def fold(web: Web, session: Session, found: Sequence[Hit]) -> dict[int, list[int]]:
    """Return the photos that stay when near duplicates are folded, with those behind each."""
    from catalog.groups import alike  # noqa: PLC0415 - see above
    from catalog.similar import vector_file  # noqa: PLC0415 - see above

    index = vector_file.open_index(session, web.settings.cache_dir)
    return alike.fold(session, index, [hit.photo_id for hit in found])
