"""The catalogue's vectors in one file, mapped into memory, for exact search by meaning.

`catalog.similar.nearest` and `catalog.groups` open it. The database holds the truth, and the file
can be deleted at any time. Opening it appends new vectors; those of deleted photos are skipped.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.db import generation, sql
from catalog.db.tables import Embedding, Model, Photo
from catalog.errors import NotFoundError
from catalog.query import all_matches
from catalog.query.plan import Plan
from catalog.similar import exact

#: An older lock was left behind by a program that died.
_LOCK_S = 600.0
_APPENDED_AT_ONCE = 5_000
_SAMPLE = 4_096
#: Vectors of one photo by one model differ by less in each number.
_SAME = 0.01


@dataclass(frozen=True, slots=True)
class VectorFile:
    """The vectors of one model, mapped from a file: a `catalog.similar.nearest.VectorIndex`."""

    model: Model
    #: (n_rows,) int64, in the order of `vectors`; 0 where the photo is gone.
    photo_ids: NDArray[np.int64]
    #: (n_rows, dim) float16, L2-normalised, mapped from the file.
    vectors: NDArray[np.float16]

    @property
    def sample(self) -> NDArray[np.float16]:
        """Some of the vectors, drawn evenly: (n, dim) float16."""
        return self.vectors[:: max(1, len(self.vectors) // _SAMPLE)]

    def find(
        self, direction: NDArray[np.float32], among: Plan, *, limit: int = 50, cut: bool = True
    ) -> list[exact.Match]:
        """Return the photos of a query that are most similar to a unit vector, best first."""
        ids = all_matches.find_id_array(among.session, among)
        return exact.find_nearest(
            self.photo_ids, self.vectors, direction, limit=limit, among=ids, cut=cut
        )


def open_index(session: Session, folder: Path, *, model: Model | None = None) -> VectorFile:
    """Update the file of a model (by default the one with most vectors) and map it.

    Raises:
        NotFoundError: The catalogue holds no vectors.
    """
    chosen = model or find_model(session)
    place = find_place(session, folder, chosen)
    _make(place)
    stored = sql.read_ids(
        session, select(Embedding.photo_id).where(Embedding.model_id == chosen.id)
    )
    known = _read_ids(place)
    if np.setdiff1d(stored, known, assume_unique=True).size:
        with _locked(place):
            known = _append(session, chosen, place, stored, _read_ids(place))
    vectors = np.memmap(place / "vectors.f2", dtype="<f2", mode="r", shape=(len(known), chosen.dim))
    return VectorFile(chosen, np.where(np.isin(known, stored), known, 0), vectors)


def agrees(session: Session, folder: Path, model: Model) -> bool:
    """Return whether a model's file, if there is one, holds the vectors that the catalogue holds.

    Vectors that it lacks are appended when it is opened; that is no difference.
    """
    place = find_place(session, folder, model)
    known = _read_ids(place)
    file = place / "vectors.f2"
    if not known.size:
        return True
    if not file.exists() or file.stat().st_size < known.size * model.dim * 2:
        return False
    stored = np.memmap(file, dtype="<f2", mode="r", shape=(len(known), model.dim))
    rows = {int(photo_id): row for row, photo_id in enumerate(known)}
    query = select(Embedding.photo_id, Embedding.vector).where(Embedding.model_id == model.id)
    with session.execute(query.execution_options(yield_per=_APPENDED_AT_ONCE)) as found:
        return all(
            _is_same(stored[rows[photo_id]], vector)
            for photo_id, vector in found
            if photo_id in rows
        )


def _is_same(one: NDArray[np.float16], other: NDArray[np.float16]) -> bool:
    """Return whether two vectors are one, perhaps computed on two devices."""
    return len(one) == len(other) and bool(np.abs(one - other).max() < _SAME)


def find_model(session: Session, *, name: str | None = None) -> Model:
    """Return the model with most vectors, among those of a name if one is given.

    Raises:
        NotFoundError: The catalogue holds no vectors, or none by that model.
    """
    photos = func.count(Embedding.photo_id)
    ranked = select(Embedding.model_id).group_by(Embedding.model_id).order_by(photos.desc())
    if name is not None:
        ranked = ranked.join(Model, Model.id == Embedding.model_id).where(Model.name == name)
    found = session.scalars(ranked.limit(1)).first()
    if found is None:
        by = "" if name is None else f" by {name}"
        raise NotFoundError(f"no photo has been encoded{by} yet; run `kadr tag DIR` first")
    return session.get_one(Model, found)


def vector_of(session: Session, photo_id: int, model: Model) -> NDArray[np.float32]:
    """Return a photo's vector (dim,) float32.

    Raises:
        NotFoundError: The model has not encoded the photo.
    """
    found = session.get(Embedding, (model.id, photo_id))
    if found is None:
        state = session.get_one(Photo, photo_id).state.value
        message = f"photo {photo_id} ({state}) has no vector yet; `kadr show {photo_id}` says why"
        raise NotFoundError(message)
    vector: NDArray[np.float32] = found.vector.astype(np.float32)
    return vector


def find_place(session: Session, folder: Path, model: Model) -> Path:
    """Return the folder of a model's file, which need not exist, in a cache folder."""
    name = _key(session, model)
    now = generation.find(session)
    return folder / "vectors" / (f"{name}-{now}" if now else name)


def _make(place: Path) -> None:
    """Make the folder of a file, and delete those of former generations of it."""
    if not place.exists():
        for former in place.parent.glob(f"{place.name.partition('-')[0]}*"):
            shutil.rmtree(former, ignore_errors=True)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)


def _key(session: Session, model: Model) -> str:
    url = session.get_bind().engine.url.render_as_string(hide_password=True)
    return hashlib.sha256(f"{url}\n{model.digest}".encode()).hexdigest()[:24]


def _read_ids(place: Path) -> NDArray[np.int64]:
    file = place / "ids.npy"
    return np.load(file) if file.exists() else np.empty(0, dtype=np.int64)


def _append(
    session: Session,
    model: Model,
    place: Path,
    stored: NDArray[np.int64],
    known: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Append the vectors that the file lacks, then replace the list of ids, and return it."""
    new = np.setdiff1d(stored, known, assume_unique=True).tolist()
    appended: list[int] = []
    file = place / "vectors.f2"
    with file.open("r+b" if file.exists() else "w+b") as out:
        out.seek(len(known) * model.dim * 2)
        for chunk in sql.chunks(new, _APPENDED_AT_ONCE):
            query = select(Embedding.photo_id, Embedding.vector).where(
                Embedding.model_id == model.id, Embedding.photo_id.in_(chunk)
            )
            rows = session.execute(query).all()
            out.write(np.stack([row.vector for row in rows]).astype("<f2").tobytes())
            appended += [row.photo_id for row in rows]
        out.truncate()
    ids = np.concatenate([known, np.array(appended, dtype=np.int64)])
    temporary = place / f"ids-{os.getpid()}.npy"
    np.save(temporary, ids)
    temporary.replace(place / "ids.npy")
    return ids


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Hold the lock that lets one program append at a time."""
    lock = place / "lock"
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime > _LOCK_S:
                    lock.unlink()
            time.sleep(0.05)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
