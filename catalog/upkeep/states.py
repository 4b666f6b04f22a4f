"""Checks that nobody waits for ever: leases of nobody, photos that no message is sent for."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.db.tables import Photo, Sidecar
from catalog.photos import lifecycle, sidecar_writes
from catalog.tags import counts
from catalog.upkeep.findings import Check, Found, counted, in_transaction


def checks() -> list[Check]:
    """Return the checks of states."""
    return [
        Check("photos that wait for ever", _find_stuck, in_transaction(_free)),
        Check("sidecars that wait for ever", _find_stuck_sidecars, in_transaction(_free_sidecars)),
        Check(
            "photos without a vector",
            _find_unencoded,
            in_transaction(lambda session, now: lifecycle.request_lost_vectors(session, now=now)),
        ),
        Check(
            "counts of keywords",
            _find_outdated_counts,
            in_transaction(lambda session, _now: counts.refresh(session)),
            is_routine=True,
        ),
    ]


def _find_stuck(session: Session, now: datetime) -> Found | None:
    stuck = select(func.count(Photo.id)).where(lifecycle.is_stuck(now))
    return counted(
        session.scalar(stuck) or 0,
        "{} photo is held by nobody, or has no time at which a worker is told of it",
        "{} photos are held by nobody, or have no time at which a worker is told of them",
    )


def _free(session: Session, now: datetime) -> None:
    lifecycle.free_stuck(session, now=now)


def _find_stuck_sidecars(session: Session, now: datetime) -> Found | None:
    stuck = select(func.count(Sidecar.id)).where(sidecar_writes.is_stuck(now))
    return counted(
        session.scalar(stuck) or 0,
        "{} sidecar that is to be written is held by nobody",
        "{} sidecars that are to be written are held by nobody",
    )


def _free_sidecars(session: Session, now: datetime) -> None:
    sidecar_writes.free_stuck(session, now=now)


def _find_unencoded(session: Session, _now: datetime) -> Found | None:
    lost = select(func.count(Photo.id)).where(lifecycle.lacks_vector())
    return counted(
        session.scalar(lost) or 0,
        "{} photo is tagged and has no vector, so it is not found by meaning",
        "{} photos are tagged and have no vector, so they are not found by meaning",
    )


def _find_outdated_counts(session: Session, _now: datetime) -> Found | None:
    return counted(
        len(counts.find_outdated(session)),
        "{} keyword is noted with another number of photos than it has",
        "{} keywords are noted with other numbers of photos than they have",
    )
