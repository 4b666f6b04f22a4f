"""What the web application asks of programs that open photos or hold a model.

`worker.serving` implements these; tests hand in fakes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from catalog.errors import CatalogError
from catalog.tags import store

if TYPE_CHECKING:  # brings NumPy, which the first page does not need
    from catalog.similar.directions import TextEncoder

#: Heights in pixels of pictures in a grid, and the longer side of a preview.
ThumbSize: TypeAlias = Literal[240, 360, 1600]
ThumbFormat: TypeAlias = Literal["webp", "jpeg"]


class ThumbBusyError(CatalogError):
    """Too many pictures are being made; `retry_s` seconds later there may be room."""

    def __init__(self, message: str, *, retry_s: int = 2) -> None:
        super().__init__(message)
        self.retry_s = retry_s


class ThumbFailedError(CatalogError):
    """No picture can be made of this photo; the message says why."""


@dataclass(frozen=True, slots=True)
class ThumbKey:
    """Names one small picture: of which content, how large, in which format."""

    #: Hexadecimal.
    sha256: str
    size: ThumbSize
    format: ThumbFormat = "webp"


class Thumbnails(Protocol):
    """Small pictures of photos, kept in a bounded cache."""

    def find(self, key: ThumbKey) -> bytes | None:
        """Return the picture if it is in the cache."""

    async def make(self, key: ThumbKey, places: Sequence[Path]) -> bytes:
        """Return the picture, made from the first file that can be read.

        Raises:
            ThumbBusyError: Too many are being made.
            ThumbFailedError: It cannot be made.
        """


@dataclass(frozen=True, slots=True)
class Services:
    """Callbacks supplied by `worker.serving`; None where unavailable."""

    thumbnails: Thumbnails | None = None
    #: Returns the encoder of a model by its name, for searches by meaning.
    load_encoder: "Callable[[str], TextEncoder] | None" = None
    #: What vocabularies know of words that are new to the catalogue.
    look_up: store.LookUp = store.nothing_known
    #: Compares the folders of all roots with the catalogue; returns how many photos were new.
    scan: Callable[[], int] | None = None
