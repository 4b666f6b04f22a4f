"""Checks that rows refer to rows that exist, and that photos know whether they are anywhere.

PostgreSQL keeps references by itself; an SQLite file may have been changed by other programs, which
do not.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from catalog.db.tables import Base, Photo, PhotoEvent, PhotoFile, PhotoTag
from catalog.photos import files
from catalog.upkeep.findings import RESTORE, Check, Found, counted, in_transaction

#: Rows that can be made again, and go if what they refer to is gone.
_DERIVED = frozenset({"embedding", "tag_alias"})
#: Rows that hold something that a person decided where the condition holds, and then stay.
_DECIDED: dict[str, ColumnElement[bool]] = {
    "photo_tag": PhotoTag.decision.is_not(None),
    "photo_event": PhotoEvent.change_id.is_not(None),
}
_LOST_PHOTO = "the catalogue had lost its photo; `kadr tag` takes it again"


def checks() -> list[Check]:
    """Return the checks of all references, and of where photos are."""
    references = [
        _check_reference(table, column)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.foreign_keys
    ]
    return [
        *references,
        Check("superseded photos", _find_heirless, in_transaction(_forget_heirs)),
        Check("missing photos", _find_misplaced, in_transaction(_note_places)),
    ]


def _check_reference(table: Table, column: Column[Any]) -> Check:
    find = partial(_find_orphans, table, column)
    change = _way_to_mend(table, column)
    mend = None if change is None else in_transaction(change)
    return Check(f"{table.name}.{column.name}", find, mend)


def _is_orphan(column: Column[Any]) -> ColumnElement[bool]:
    (key,) = column.foreign_keys
    other = key.column.table.alias("referred")
    there = exists().where(other.c[key.column.name] == column)
    return column.is_not(None) & ~there


def _find_orphans(
    table: Table, column: Column[Any], session: Session, _now: datetime
) -> Found | None:
    is_orphan = _is_orphan(column)
    number = session.scalar(select(func.count()).select_from(table).where(is_orphan)) or 0
    (key,) = column.foreign_keys
    where, what = table.name, key.column.table.name
    advice = ""
    if _way_to_mend(table, column) is None:
        advice = RESTORE
    elif where in _DECIDED:
        kept = select(func.count()).select_from(table).where(is_orphan, _DECIDED[where])
        if session.scalar(kept) == number:
            advice = f"they hold a person's decisions, and are kept: {RESTORE}"
    return counted(
        number,
        f"{{}} row of {where} refers to a {what} that is not there",
        f"{{}} rows of {where} refer to a {what} that is not there",
        advice=advice,
    )


def _way_to_mend(table: Table, column: Column[Any]) -> Callable[[Session, datetime], object] | None:
    is_orphan = _is_orphan(column)
    if table.name in _DERIVED:
        statement: Any = delete(table).where(is_orphan)
    elif table.name in _DECIDED:
        statement = delete(table).where(is_orphan, ~_DECIDED[table.name])
        if column.nullable:
            statement = update(table).where(is_orphan).values({column: None})
    elif column.nullable:
        values: dict[Any, Any] = {column: None}
        if table.name == "photo_file":
            values[table.c.failure] = _LOST_PHOTO
        statement = update(table).where(is_orphan).values(values)
    else:
        return None
    return lambda session, _now: session.connection().execute(statement)


def _find_heirless(session: Session, _now: datetime) -> Found | None:
    number = session.scalar(select(func.count(Photo.id)).where(_is_heirless())) or 0
    return counted(
        number,
        "{} photo was replaced by one that is not there",
        "{} photos were replaced by some that are not there",
    )


def _is_heirless() -> ColumnElement[bool]:
    heir = aliased(Photo)
    is_lost: ColumnElement[bool] = ~exists().where(heir.id == Photo.superseded_by_id)
    return Photo.superseded_by_id.is_not(None) & is_lost


def _forget_heirs(session: Session, _now: datetime) -> None:
    lost = list(session.scalars(select(Photo.id).where(_is_heirless())))
    session.execute(
        update(Photo).where(Photo.id.in_(lost)).values(superseded_by_id=None),
        execution_options={"synchronize_session": False},
    )


def _lies() -> ColumnElement[bool]:
    return exists().where(PhotoFile.photo_id == Photo.id, PhotoFile.missing_since.is_(None))


def _is_here_unnoticed() -> ColumnElement[bool]:
    gone = Photo.missing_since.is_not(None) | Photo.superseded_by_id.is_not(None)
    return gone & _lies()


def _is_gone_unnoticed() -> ColumnElement[bool]:
    return Photo.missing_since.is_(None) & ~_lies()


def _find_misplaced(session: Session, _now: datetime) -> Found | None:
    misplaced = _is_here_unnoticed() | _is_gone_unnoticed()
    number = session.scalar(select(func.count(Photo.id)).where(misplaced)) or 0
    return counted(
        number,
        "{} photo is noted as missing and has a file, or the other way round",
        "{} photos are noted as missing and have files, or the other way round",
    )


def _note_places(session: Session, now: datetime) -> None:
    files.note_present(session, session.scalars(select(Photo.id).where(_is_here_unnoticed())))
    gone = list(session.scalars(select(Photo.id).where(_is_gone_unnoticed())))
    files.note_missing(session, gone, now)
