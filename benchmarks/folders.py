"""Folders of photos for benchmarks: copies of some, and generated ones of a camera's size."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def copy_photos(found: Sequence[Path], inbox: Path, count: int) -> Path:
    """Fill a folder with `count` distinct photos and return it.

    Raises:
        FileNotFoundError: There are none to copy.
    """
    if not found:
        message = "there are no photos to copy; name a folder that has some"
        raise FileNotFoundError(message)
    inbox.mkdir()
    for number, path in zip(range(count), itertools.cycle(found), strict=False):
        data = path.read_bytes() + number.to_bytes(8, "big")
        (inbox / f"{number:05}{path.suffix}").write_bytes(data)
    return inbox


def make_photos(folder: Path) -> Path:
    """Write JPEGs of a camera's size, with noise like a sensor's, and return their folder."""
    from sklearn.datasets import load_sample_images

    noise = np.random.default_rng(0).normal(0, 6, (2832, 4256, 1))
    for number, pixels in enumerate(load_sample_images().images * 4):
        large = np.asarray(Image.fromarray(pixels).resize((4256, 2832)), np.float64)
        photo = np.clip(np.roll(large, number * 100, axis=1) + noise, 0, 255).astype(np.uint8)
        is_progressive = number // 2 % 2 == 1
        file = folder / f"{number}.jpg"
        Image.fromarray(photo).save(file, quality=92, progressive=is_progressive)
    return folder
