"""The digest of a picture: what is seen in a file, without its metadata.

`worker.watch.ingest` asks for it in the same read in which it hashes the file. Two files of one
digest show the same picture, whatever programs have written into their metadata since. Only bytes
are parsed here: no decoder is imported, nothing is decompressed but PNG's text.

The digest is the sha256 of a name of the format, of everything that decides which pixels a decoder
returns, and of the orientation; docs/decisions/0005-a-photo-is-its-picture.md lists them.
"""

import struct
import zlib
from typing import BinaryIO, Protocol

from worker.watch.picture import gif, heif, jpeg, png, raw, tiff, webp
from worker.watch.picture.source import DamagedError, Source

__all__ = ["digest"]


class _Kind(Protocol):
    def is_it(self, head: bytes, /) -> bool: ...

    def digest(self, source: Source, /) -> bytes: ...


_KINDS: tuple[_Kind, ...] = (jpeg, png, webp, gif, tiff, heif, raw)
_HEAD_BYTES = 16


def digest(file: BinaryIO) -> bytes | None:
    """Return the digest of the picture in a seekable file: 32 bytes.

    None if its format is unknown or cannot be read without a decoder, or if the file is damaged.

    Raises:
        OSError: The file cannot be read.
    """
    source = Source(file)
    head = source.read_up_to(0, _HEAD_BYTES)
    for kind in _KINDS:
        if kind.is_it(head):
            try:
                return kind.digest(source)
            except (DamagedError, struct.error, zlib.error):
                return None
    return None
