"""What a decoding process does with a photo that is to be tagged; see `pool.Decoders.run`."""

from dataclasses import dataclass

from catalog.said import Said
from worker import images
from worker.errors import PhotoError
from worker.images import Decoded, Limits, Preprocess, Reserve, embedded
from worker.images.opening import AnyPath
from worker.images.pixels import Look


@dataclass(frozen=True, slots=True)
class Opened:
    """What a file says of its photo, and the photo decoded to the model's pixels.

    `decoded` is None where it cannot be decoded; `reason` is then the sentence that says why.
    """

    said: Said
    decoded: Decoded | None
    reason: str = ""


def open_photo(
    path: AnyPath,
    wanted: Preprocess,
    limits: Limits,
    reserve: Reserve,
    look: Look | None = None,
) -> Opened:
    """Decode a photo to the model's square and read its metadata."""
    said = embedded.read(path, limits)
    try:
        return Opened(said, images.decode(path, wanted, limits, reserve, look))
    except PhotoError as error:
        if isinstance(error.__cause__, MemoryError):  # the pool tries again with more
            raise
        return Opened(said, None, str(error))


def read_metadata(path: AnyPath, limits: Limits, _reserve: Reserve) -> Said:
    """Read a photo's metadata; empty where there is none that can be read."""
    return embedded.read(path, limits)
