"""Computes the backbone's features of every photo once and keeps them in the work folder.

The backbone stays as it is, so that a head can be trained on these features in minutes.
"""

import logging
import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.multiprocessing as processes
from numpy.typing import NDArray
from PIL import Image

from worker import images
from worker.models import backbone
from worker.training.data import Index

logger = logging.getLogger(__name__)

#: `whole`: the photo squeezed into the square, as the finished model sees it. `middle`: a centre
#: crop. `varied`: a random part, shape, flip and sharpness, so that the head learns to see past
#: them: a third of the photos were squeezed by their collections, and small ones are blurred.
View = Literal["whole", "middle", "varied"]
VIEWS: tuple[View, ...] = ("whole", "middle", "varied")

#: Side in pixels of what the features are computed of. The finished model is given `SEEN_SIZE`:
#: things in random parts of photos are larger in training than in whole photos, which more pixels
#: make up for (Touvron et al. 2019, arXiv 1906.06423).
SIZE, SEEN_SIZE = 224, 256
_PHOTOS_A_PART = 1024
_PHOTOS_AT_ONCE = 16
_LEAST_AREA, _MOST_STRETCH = 0.45, 4 / 3
_BLURRED_SHARE, _BLURRED_SIDES = 0.25, (96, 200)

#: glibc keeps freed memory for the next batch instead of giving it back to the kernel: measured
#: 42 photos/s instead of 25 a core.
_KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1"}


@dataclass(frozen=True, slots=True)
class _Task:
    """A part of the photos in one view: what a process computes and writes at once."""

    paths: tuple[Path, ...]
    view: View
    seed: int
    target: Path


def compute(
    index: Index, view: View, folder: Path, *, seed: int = 0, n_processes: int = 2
) -> NDArray[np.float16]:
    """Return the features (n_photos, 1280) float16 of all photos in one view.

    Parts that ``folder`` holds already are read, so a run that was stopped goes on. Processes of
    one thread each are faster than one process of several threads.

    Raises:
        ModelError: the backbone is missing. PhotoError: a photo cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [photo.path for photo in index.photos]
    key = zlib.crc32("\n".join(map(str, [SIZE, seed, backbone.SHA256, *paths])).encode())
    tasks = [
        _Task(
            tuple(paths[start : start + _PHOTOS_A_PART]),
            view,
            seed + start,
            folder / f"{view}-{key:08x}-{start:06}.npy",
        )
        for start in range(0, len(paths), _PHOTOS_A_PART)
    ]
    missing = [task for task in tasks if not task.target.exists()]
    if len(missing) > 1 and n_processes > 1:
        with _environment(_KEEP_MEMORY), processes.get_context("spawn").Pool(n_processes) as pool:
            for number, _ in enumerate(pool.imap_unordered(_compute_part, missing), 1):
                logger.info("features view=%s parts=%d of=%d", view, number, len(missing))
    else:
        for task in missing:
            _compute_part(task)
    return np.concatenate([np.load(task.target) for task in tasks])


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the processes that are started in the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _compute_part(task: _Task) -> None:
    torch.set_num_threads(1)
    module = backbone.build().to(memory_format=torch.channels_last)
    preprocess = preprocess_for(task.view)
    found: list[NDArray[np.float16]] = []
    with ThreadPoolExecutor(1) as thread, torch.inference_mode():
        for pixels in _ahead(thread, _decode(task, preprocess)):
            values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1.0
            maps = module.forward_features(values)  # type: ignore[operator]
            found.append(maps.mean((2, 3)).half().numpy())
    temporary = task.target.with_suffix(".tmp.npy")
    np.save(temporary, np.concatenate(found))
    temporary.rename(task.target)


def preprocess_for(view: View) -> images.Preprocess:
    """Return how a view is decoded."""
    mode: Literal["shortest", "squash"] = "shortest" if view == "middle" else "squash"
    return images.Preprocess(SIZE, backbone.MEAN, backbone.STD, resize_mode=mode)


def _ahead(
    thread: ThreadPoolExecutor, batches: Iterator[NDArray[np.uint8]]
) -> Iterator[NDArray[np.uint8]]:
    """Yield the batches, each made while the one before it is used."""
    coming = thread.submit(next, batches, None)
    while (batch := coming.result()) is not None:
        coming = thread.submit(next, batches, None)
        yield batch


def _decode(task: _Task, preprocess: images.Preprocess) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(task.paths), _PHOTOS_AT_ONCE):
        some = task.paths[start : start + _PHOTOS_AT_ONCE]
        if task.view == "varied":
            chance = np.random.default_rng([task.seed, start])
            yield np.stack([_vary(path, chance) for path in some])
        else:
            yield np.stack([images.decode(path, preprocess).pixels for path in some])


def _vary(path: Path, chance: np.random.Generator) -> NDArray[np.uint8]:
    """Return a random part of a photo (SIZE, SIZE, 3) uint8: its shape, flip and sharpness vary."""
    with Image.open(path) as opened:
        photo = opened.convert("RGB")
    width, height = photo.size
    area = chance.uniform(_LEAST_AREA, 1.0)
    stretch = _MOST_STRETCH ** chance.uniform(-1.0, 1.0)
    part = min(1.0, (area * stretch) ** 0.5), min(1.0, (area / stretch) ** 0.5)
    left, top = (chance.uniform(0.0, 1.0 - side) for side in part)
    box = (left * width, top * height, (left + part[0]) * width, (top + part[1]) * height)
    if chance.random() < _BLURRED_SHARE:
        side = int(chance.integers(*_BLURRED_SIDES))
        small = photo.resize((side, side), Image.Resampling.BICUBIC, box=box)
        square = small.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    else:
        square = photo.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box)
    pixels = np.asarray(square)
    return np.ascontiguousarray(pixels[:, ::-1] if chance.random() < 0.5 else pixels)  # noqa: PLR2004
