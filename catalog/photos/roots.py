"""Owns the roots: the folders below which photos lie, each with a name and an absolute path.

`worker.watch` registers a root before it registers files below it.
"""

from pathlib import Path

from sqlalchemy import literal, select, update
from sqlalchemy.orm import Session

from catalog import paths
from catalog.db.tables import PhotoFile, Root, Sidecar


def register_root(session: Session, path: Path, *, polled: bool = False) -> Root:
    """Return the root that contains an absolute path, registered if there is none.

    A folder below a known root belongs to that root. A new root absorbs the known roots below it:
    their files become its own, so that no file is in the catalogue twice.
    """
    text = paths.to_text(path)
    roots = list(session.scalars(select(Root)))
    found = next((root for root in roots if _is_at_or_below(text, root.path)), None)
    if found is None:
        found = Root(name=_free_name(session, paths.to_text(path.name) or "root"), path=text)
        session.add(found)
        session.flush()
        for inner in roots:
            if _is_at_or_below(inner.path, text):
                _take_in(session, found, inner)
    found.polled = polled or bool(found.polled)
    session.flush()
    return found


def list_roots(session: Session) -> list[Root]:
    """Return the folders that are tagged or watched, by path."""
    return list(session.scalars(select(Root).order_by(Root.path)))


def find_paths(session: Session) -> list[Path]:
    """Return the folders of all roots."""
    return [paths.from_text(root.path) for root in list_roots(session)]


def _is_at_or_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _take_in(session: Session, outer: Root, inner: Root) -> None:
    prefix = inner.path.removeprefix(outer.path).strip("/") + "/"
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
