"""Finds what a photo's own file says, for a sidecar that would otherwise hide it from programs."""

from collections.abc import Sequence
from pathlib import Path

from catalog.said import Keyword
from worker.images import embedded


def find_packet(photo: Path) -> bytes | None:
    """Return the XMP packet that a photo's file carries, as it is written; None if it has none."""
    return next(iter(embedded.read_packets(photo)), None)


def find_keywords(photo: Path) -> Sequence[Keyword]:
    """Return the keywords that a photo's file carries, in XMP, IPTC and EXIF."""
    return embedded.read(photo).keywords
