"""Reads and hashes parts of a file, within bounds that a hostile file cannot exceed."""

import hashlib
import os
import struct
from typing import BinaryIO

#: Bytes hashed at a time.
BLOCK = 1 << 20
#: More than any box or segment that is parsed: image data is hashed in blocks instead.
_MAX_READ = 1 << 24


class DamagedError(ValueError):
    """The file is not what it seems to be, or ends too soon."""


class Source:
    """A file whose parts are read at any offset."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def read(self, offset: int, count: int) -> bytes:
        """Return exactly `count` bytes.

        Raises:
            DamagedError: They lie outside the file, or are too many.
        """
        if not 0 <= offset <= offset + count <= self.size or count > _MAX_READ:
            raise DamagedError
        data = self.read_up_to(offset, count)
        if len(data) != count:
            raise DamagedError
        return data

    def read_up_to(self, offset: int, count: int) -> bytes:
        """Return the bytes that there are, at most `count`."""
        self._file.seek(offset)
        parts = []
        while count > 0 and (part := self._file.read(count)):  # an unbuffered file may return less
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        """Return the integers at an offset, as `struct` reads them.

        Raises:
            DamagedError: They lie outside the file.
        """
        return struct.unpack(layout, self.read(offset, struct.calcsize(layout)))


class Hasher:
    """The sha256 of parts of a file, each with its length, so that no two lists of parts collide.

    At most twice the file is hashed: parts that overlap a thousand times would take for ever.
    """

    def __init__(self, source: Source, kind: bytes) -> None:
        self._source = source
        self._hash = hashlib.sha256(b"kadr picture 1 " + kind)
        self._left = 2 * source.size + BLOCK

    def add(self, *parts: bytes) -> None:
        """Hash some bytes."""
        for part in parts:
            self._hash.update(struct.pack(">Q", len(part)))
            self._hash.update(part)

    def add_range(self, offset: int, count: int) -> None:
        """Hash a range of the file.

        Raises:
            DamagedError: It lies outside the file, or too much was hashed already.
        """
        self._hash.update(struct.pack(">Q", count))
        self.add_raw(offset, count)

    def add_raw(self, offset: int, count: int) -> None:
        """Hash a range of the file without its length, as one of several that follow each other.

        Raises:
            DamagedError: It lies outside the file, or too much was hashed already.
        """
        self._left -= count
        if self._left < 0 or not 0 <= offset <= offset + count <= self._source.size:
            raise DamagedError
        for start in range(offset, offset + count, BLOCK):
            self._hash.update(self._source.read(start, min(BLOCK, offset + count - start)))

    def add_data(self, data: bytes) -> None:
        """Hash bytes that were read already, without their length."""
        self._left -= len(data)
        if self._left < 0:
            raise DamagedError
        self._hash.update(data)

    def finish(self, orientation: int = 1) -> bytes:
        """Return the digest of all parts and of the orientation, 1 to 8."""
        self.add(bytes([orientation]))
        return self._hash.digest()
