"""Owns the decoded photos: every photo once, as a square of bytes in a memory-mapped file.

Decoding JPEG anew for each epoch would cost more than training on it.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from worker.starter.index import Index

#: Side in pixels of the cached squares; aspect ratios are kept beside them.
SIDE = 160


def get_squares(index: Index, folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return all photos squashed to squares, and their aspect ratios.

    Returns (n_photos, SIDE, SIDE, 3) uint8 RGB and width/height (n_photos,) float32; both are
    made on the first call and read from ``folder`` afterwards.
    """
    squares_path, aspects_path = folder / "squares.npy", folder / "aspects.npy"
    if not aspects_path.exists():
        _decode_all(index, squares_path, aspects_path)
    squares: NDArray[np.uint8] = np.load(squares_path, mmap_mode="r")
    aspects: NDArray[np.float32] = np.load(aspects_path)
    if len(squares) != len(index.photos):
        message = f"{squares_path}: {len(squares)} photos, index has {len(index.photos)}; delete it"
        raise ValueError(message)
    return squares, aspects


def _decode_all(index: Index, squares_path: Path, aspects_path: Path) -> None:
    squares = np.zeros((len(index.photos), SIDE, SIDE, 3), np.uint8)
    aspects = np.ones(len(index.photos), np.float32)
    for row, (square, aspect) in enumerate(_decode(photo.path for photo in index.photos)):
        squares[row], aspects[row] = square, aspect
    np.save(squares_path, squares)
    np.save(aspects_path, aspects)


def _decode(paths: Iterable[Path]) -> Iterable[tuple[NDArray[np.uint8], float]]:
    with ThreadPoolExecutor(2) as threads:
        yield from threads.map(_decode_one, paths)


def _decode_one(path: Path) -> tuple[NDArray[np.uint8], float]:
    with Image.open(path, formats=("JPEG", "PNG", "WEBP")) as opened:
        photo = ImageOps.exif_transpose(opened).convert("RGB")
    square = photo.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(square, np.uint8), photo.width / photo.height
