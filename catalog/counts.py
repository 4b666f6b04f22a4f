"""How many photos have each tag, noted with the tag: for plans, completion and suggestions.

Whoever tags calls `refresh` now and then. A count that is behind makes a search slower or a
completion's order older, never an answer wrong.
"""

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from catalog import sql, threshold
from catalog.models import PhotoTag, Tag


def refresh(session: Session) -> int:
    """Count again, and write down what changed; returns how many tags did.

    A million photos with fifteen tags each take a few seconds.
    """
    counted = dict(
        session.execute(
            select(PhotoTag.tag_id, func.count())
            .where(threshold.counts(PhotoTag, threshold.choose()))
            .group_by(PhotoTag.tag_id)
        ).all()
    )
    noted = session.execute(select(Tag.id, Tag.photos).order_by(Tag.id)).all()
    changed = [
        {"id": tag_id, "photos": counted.get(tag_id, 0)}
        for tag_id, photos in noted
        if counted.get(tag_id, 0) != photos
    ]
    for chunk in sql.chunks(changed):
        session.execute(update(Tag), chunk)
    return len(changed)
