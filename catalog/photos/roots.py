"""Owns the roots: the folders below which photos lie, each with a name and an absolute path.

`worker.watch` registers a root before it registers files below it.
"""

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from sqlalchemy import func, literal, select, update
from sqlalchemy.orm import Session

from catalog import paths
from catalog.db import remembered
from catalog.db.tables import PhotoFile, Root, Sidecar


def find_paths(session: Session) -> list[Path]:
    """Return the paths of all roots."""
    return [paths.from_text(path) for path in session.scalars(select(Root.path))]


def register_root(
    session: Session,
    path: Path,
    *,
    polled: bool = False,
    inside: Mapping[Path, PurePath] | None = None,
) -> Root:
    """Return the root that contains an absolute path, registered if there is none.

    A folder below a known root belongs to that root. A new root absorbs the known roots below it:
    their files become its own, so that no file is in the catalogue twice.

    Args:
        session: The caller's transaction.
        path: Absolute.
        polled: Whether a new root is polled.
        inside: By the path of a known root that lies in the new one by a symbolic link: where it
            lies there.
    """
    below = {paths.to_text(root): paths.to_text(place) for root, place in (inside or {}).items()}
    text = paths.to_text(path)
    roots = list(session.scalars(select(Root)))
    found = next((root for root in roots if _is_at_or_below(text, root.path)), None)
    if found is None:
        found = Root(name=_free_name(session, paths.to_text(path.name) or "root"), path=text)
        session.add(found)
        session.flush()
        for inner in roots:
            if _is_at_or_below(inner.path, text):
                _take_in(session, found, inner, inner.path.removeprefix(text).strip("/"))
            elif inner.path in below:
                _take_in(session, found, inner, below[inner.path])
    found.polled = polled or bool(found.polled)
    session.flush()
    return found


def list_roots(session: Session) -> list[Root]:
    """Return the folders that are tagged or watched, by path."""
    return list(session.scalars(select(Root).order_by(Root.path)))


def note_left_out(session: Session, root_id: int, left_out: Mapping[str, Any]) -> None:
    """Remember what a scan of a root left out: by reason, how many and the first one's path."""
    remembered.replace(session, f"left_out_{root_id}", dict(left_out))


def find_left_out(session: Session, root_id: int) -> dict[str, Any]:
    """Return what the last scan of a root left out; see `note_left_out`."""
    return remembered.find(session, f"left_out_{root_id}") or {}


def find_all_left_out(session: Session) -> dict[str, tuple[int, str]]:
    """Return what the last scans left out: by reason, how many and the path of one of them."""
    found: dict[str, tuple[int, str]] = {}
    for root_id in session.scalars(select(Root.id).order_by(Root.id)):
        for reason, (count, first) in find_left_out(session, root_id).items():
            before, kept = found.get(reason, (0, first))
            found[reason] = before + count, kept
    return found


def _is_at_or_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _take_in(session: Session, outer: Root, inner: Root, place: str) -> None:
    """Make the files of a root those of another one, below a folder of it (`.`: its own)."""
    prefix = "" if place in {"", "."} else f"{place}/"
    is_absolute = func.substr(Sidecar.path, 1, 1) == "/"  # in KADR_SIDECAR_DIR, where it stays
    session.execute(
        update(Sidecar)
        .where(Sidecar.root_id == inner.id, is_absolute)
        .values(root_id=outer.id)
        .execution_options(synchronize_session=False)
    )
    for table in (PhotoFile, Sidecar):
        session.execute(
            update(table)
            .where(table.root_id == inner.id)
            .values(root_id=outer.id, path=literal(prefix) + table.path)
            .execution_options(synchronize_session=False)
        )
    session.delete(inner)


def _free_name(session: Session, wanted: str) -> str:
    taken = set(session.scalars(select(Root.name)))
    candidates = (wanted if n == 1 else f"{wanted}-{n}" for n in range(1, len(taken) + 2))
    return next(name for name in candidates if name not in taken)
