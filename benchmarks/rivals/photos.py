"""The photos that contestants are given: copies of a user's JPEGs, or generated ones."""

import itertools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks import folders

#: Longer sides of small photos, in turn.
SMALL_SIDES = (500, 550, 600, 640)
#: Distinct photos that small ones are made of, at most.
_DISTINCT = 40
_JPEG = {".jpg", ".jpeg"}


@dataclass(frozen=True, slots=True)
class Folders:
    """Folders of distinct files; a slow contestant takes only the first third of them."""

    large: Path
    small: Path
    large_third: Path
    small_third: Path
    #: A few small ones, for rounds that do not count.
    warm_up: Path


def find(source: Path | None, cache: Path) -> list[Path]:
    """Return the JPEGs below a folder; without a folder, eight of 12 megapixels that are made once.

    Raises:
        FileNotFoundError: The folder has no JPEGs.
    """
    if source is None:
        source = cache / "photos"
        if not source.exists():
            begun = source.with_name("photos.part")
            shutil.rmtree(begun, ignore_errors=True)
            begun.mkdir(parents=True)
            folders.make_photos(begun).rename(source)
    found = sorted(path for path in source.rglob("*") if path.suffix.lower() in _JPEG)
    if not found:
        raise FileNotFoundError(f"{source}: no JPEGs in it; name another folder")
    return found


def fill(found: Sequence[Path], work: Path, *, large: int, small: int) -> Folders:
    """Fill folders with so many copies of photos, and of the same photos made small."""
    shrunk = work / "shrunk"
    shrunk.mkdir(parents=True)
    for path, side in zip(found[:_DISTINCT], itertools.cycle(SMALL_SIDES), strict=False):
        with Image.open(path) as photo:
            photo.thumbnail((side, side))
            photo.convert("RGB").save(shrunk / f"{path.stem}.jpg", quality=90)
    reduced = sorted(shrunk.iterdir())
    return Folders(
        large=folders.copy_photos(found, work / "large", large),
        small=folders.copy_photos(reduced, work / "small", small),
        large_third=folders.copy_photos(found, work / "large-third", -(-large // 3)),
        small_third=folders.copy_photos(reduced, work / "small-third", -(-small // 3)),
        warm_up=folders.copy_photos(reduced, work / "warm-up", min(small, 8)),
    )


def megapixels(found: Sequence[Path]) -> list[float]:
    """Return the sizes of photos in megapixels, least first."""
    sizes = []
    for path in found:
        with Image.open(path) as photo:
            sizes.append(photo.width * photo.height / 1e6)
    return sorted(sizes)
