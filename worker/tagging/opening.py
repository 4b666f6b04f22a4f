"""Opens a claimed photo for `worker.tagging.pipeline`, or returns why it could not be opened."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from catalog import paths
from catalog.photos.lifecycle import ClaimedPhoto
from catalog.said import Said
from catalog.tags.results import PhotoFacts
from catalog.web.services import ThumbKey
from worker.decoding import jobs
from worker.decoding.jobs import Opened
from worker.decoding.pool import Decoders
from worker.errors import PhotoError, PhotoStalledError
from worker.images import Preprocess
from worker.thumbs import rendering
from worker.thumbs.store import ThumbStore
from worker.watch import scan


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A photo that cannot be read: it is quarantined, with what its metadata says."""

    photo_id: int
    reason: str
    said: Said


@dataclass(frozen=True, slots=True)
class Postponed:
    """A photo whose file was missing, changing or could not be read in time: it is tried again."""

    photo_id: int
    reason: str
    #: Whether its decoder hung for no reason of the machine's; not tried again for ever.
    is_to_blame: bool = False


@dataclass(frozen=True, slots=True)
class OpenedPhoto:
    """A decoded photo and the metadata of its file."""

    photo_id: int
    name: str
    #: (size, size, 3) uint8 sRGB.
    pixels: NDArray[np.uint8]
    facts: PhotoFacts

    def refused(self, fact: str) -> Unreadable:
        """Return this photo as unreadable, for a reason."""
        reason = f"{self.name}: {fact}; run `kadr retry` to try again"
        return Unreadable(self.photo_id, reason, self.facts.said)


Result: TypeAlias = OpenedPhoto | Unreadable | Postponed


def open_claimed(
    photo: ClaimedPhoto,
    wanted: Preprocess,
    decoders: Decoders,
    pictures: ThumbStore | None = None,
) -> Result:
    """Decode a photo from the first of its files that has not changed since it was registered.

    Args:
        photo: The photo.
        wanted: The pixels that the model expects.
        decoders: The processes that open it.
        pictures: Where its small picture is kept, if one is to be made.

    Raises:
        DecodersClosedError: The decoders were closed meanwhile.
    """
    place = next((p for p in photo.places if _is_unchanged(p.path, p.stat)), None)
    if place is None:
        names = ", ".join(_shown(p.path) for p in photo.places)
        return Postponed(photo.photo_id, f"{names}: gone or changed since it was registered")
    picture: tuple[bytes, bytes] | None = None
    key = ThumbKey(photo.sha256.hex(), rendering.GRID)
    try:
        if pictures is None or pictures.has(key):
            opened = decoders.open_photo(place.path, wanted)
        else:
            opened, picture = decoders.run(rendering.open_photo, place.path, wanted)
    except PhotoStalledError as error:
        return Postponed(photo.photo_id, str(error), is_to_blame=error.is_to_blame)
    except PhotoError as error:
        opened = Opened(_read_metadata(place.path, decoders), None, str(error))
    if opened.decoded is None:
        if not _is_unchanged(place.path, place.stat):
            return Postponed(photo.photo_id, f"{_shown(place.path)}: changed while it was read")
        return Unreadable(photo.photo_id, opened.reason, opened.said)
    decoded, lost = opened.decoded, opened.decoded.truncated_rows or None
    thumbhash = None
    if pictures is not None and picture is not None and _is_unchanged(place.path, place.stat):
        content, thumbhash = picture
        pictures.keep(key, content)
    facts = PhotoFacts(decoded.width, decoded.height, decoded.format, opened.said, lost, thumbhash)
    return OpenedPhoto(photo.photo_id, _shown(place.path), decoded.pixels, facts)


def _read_metadata(path: Path, decoders: Decoders) -> Said:
    """Return what a file says whose decoder crashed or took too long."""
    try:
        return decoders.run(jobs.read_metadata, path)
    except PhotoError:
        return Said()


def _is_unchanged(path: Path, expected: paths.FileStat) -> bool:
    found = scan.stat_file(path)
    return found is not None and found.stat.has_content_of(expected)


def _shown(path: Path) -> str:
    return paths.printable(paths.to_text(Path(path.name)))
