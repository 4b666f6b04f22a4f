"""Decodes photos of any format safely: upright, in sRGB, with the metadata of the file."""

from worker.images.geometry import Preprocess
from worker.images.memory import Reserve
from worker.images.opening import Limits
from worker.images.pixels import Decoded, decode, shrunk, thumbnail

__all__ = ["Decoded", "Limits", "Preprocess", "Reserve", "decode", "shrunk", "thumbnail"]
