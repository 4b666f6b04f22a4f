"""Knows what the catalogue says of a photo in its sidecars; `worker.sidecars` asks."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from catalog import spelling
from catalog.db import sql
from catalog.db.tables import Decision, PhotoFile, PhotoTag, Sidecar, Source, Tag
from catalog.photos import sidecar_due, sidecar_policy
from catalog.photos.sidecar_policy import Policy
from catalog.tags import hierarchy, store


@dataclass(slots=True)
class Spoken:
    """The words of a photo, each with its broader words, the broadest first, in order of names."""

    #: A person gave or confirmed them.
    confirmed: list[tuple[str, ...]] = field(default_factory=list)
    #: A model gave them, and nobody decided; with their confidence.
    proposed: list[tuple[tuple[str, ...], float]] = field(default_factory=list)
    #: A person rejected them.
    rejected: list[str] = field(default_factory=list)
    #: The same as they are looked up, with their aliases.
    rejected_keys: set[str] = field(default_factory=set)

    def proposed_under(self, policy: Policy) -> list[tuple[str, ...]]:
        """Return the words of models that a policy wants written."""
        least = policy.least
        return [] if least is None else [path for path, sure in self.proposed if sure >= least]


def find(session: Session, photo_ids: Collection[int]) -> dict[int, Spoken]:
    """Return what is said of photos, by photo; keywords that are in their files are not."""
    rows: list[Any] = []
    for chunk in sql.chunks(photo_ids):
        columns = (PhotoTag.photo_id, PhotoTag.tag_id, PhotoTag.decision, PhotoTag.confidence)
        is_said = or_(PhotoTag.decision.is_not(None), PhotoTag.source == Source.CLIP)
        query = select(*columns).where(PhotoTag.photo_id.in_(chunk), is_said)
        rows += session.execute(query).all()
    known = hierarchy.load(session, {row.tag_id for row in rows})
    rejected = {row.tag_id for row in rows if row.decision == Decision.REJECTED}
    aliases = store.find_alias_keys(session, rejected)
    found: dict[int, Spoken] = {photo_id: Spoken() for photo_id in photo_ids}
    for row in sorted(rows, key=lambda row: known.names[row.tag_id]):
        said, path = found[row.photo_id], known.path(row.tag_id)
        if row.decision == Decision.CONFIRMED:
            said.confirmed.append(path)
        elif row.decision == Decision.REJECTED:
            said.rejected.append(path[-1])
            said.rejected_keys |= {spelling.fold(path[-1]), *aliases.get(row.tag_id, ())}
        else:
            said.proposed.append((path, row.confidence))
    return found


def find_read(session: Session, photo_id: int) -> list[str]:
    """Return the keywords that a photo has because its files or sidecars say so, by name."""
    is_read = (PhotoTag.source == Source.METADATA) & PhotoTag.decision.is_(None)
    query = select(Tag.name).join(PhotoTag, PhotoTag.tag_id == Tag.id).order_by(Tag.name)
    return list(session.scalars(query.where(PhotoTag.photo_id == photo_id, is_read)))


def mark_all_due(
    session: Session,
    *,
    now: datetime,
    photo_ids: Collection[int] | None = None,
    with_contested: bool = False,
) -> int:
    """Mark the sidecars of all photos that have something to say, or whose sidecars Kadr wrote.

    A policy that changed asks for it.

    Args:
        session: The caller's transaction.
        now: The present time.
        photo_ids: Photos among which they are looked for; None for all.
        with_contested: Whether sidecars that were given up are tried again.
    """
    policies = sidecar_policy.load(session)
    marked = 0
    for chunk in sql.chunks(_candidates(session, policies, photo_ids)):
        marked += sidecar_due.mark_due(
            session, chunk, now=now, delay_s=0.0, with_contested=with_contested
        )
    return marked


def _candidates(
    session: Session, policies: Mapping[int, Policy], photo_ids: Collection[int] | None
) -> Iterable[int]:
    found: set[int] = set()
    for root_id, policy in policies.items():
        is_said: ColumnElement[bool] = PhotoTag.decision.is_not(None)
        if policy.least is not None:
            proposed = and_(PhotoTag.source == Source.CLIP, PhotoTag.confidence >= policy.least)
            is_said = or_(is_said, proposed)
        says = exists().where(PhotoTag.photo_id == PhotoFile.photo_id, is_said)
        wrote = exists().where(Sidecar.file_id == PhotoFile.id, Sidecar.wrote.is_not(None))
        query = select(PhotoFile.photo_id).distinct()
        query = query.where(
            PhotoFile.root_id == root_id, PhotoFile.missing_since.is_(None), or_(says, wrote)
        )
        found.update(each for each in session.scalars(query) if each is not None)
    return sorted(found if photo_ids is None else found.intersection(photo_ids))
