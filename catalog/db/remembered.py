"""Values that the catalogue remembers by key, as JSON in the table `setting`.

`catalog.tags.taggers` keeps what tags the catalogue here, `catalog.groups.store` the groups.
"""

from typing import Any

from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import Setting


def find(session: Session, key: str) -> Any | None:  # noqa: ANN401 - JSON
    """Return the value of a key, or None if there is none."""
    row = session.get(Setting, key, populate_existing=True)
    return None if row is None else row.value


def add(session: Session, key: str, value: Any) -> None:  # noqa: ANN401
    """Store a value unless the key has one already, perhaps by another process."""
    sql.insert_new(session, Setting, [{"key": key, "value": value}])


def replace(session: Session, key: str, value: Any) -> None:  # noqa: ANN401
    """Store a value in place of the one that the key has, if any."""
    add(session, key, value)
    session.get_one(Setting, key).value = value
