"""The picture of Fujifilm's RAF: the preview, a JPEG of its own, and what the sensor saw.

Programs write EXIF into the preview, so its digest counts and not its bytes.
"""

from worker.watch.picture import jpeg
from worker.watch.picture.source import DamagedError, Hasher, Source

#: Offset and length of preview, camera's header and sensor data, big-endian.
_DIRECTORY = 84


def is_it(head: bytes) -> bool:
    """Return whether a file that begins so is a RAF."""
    return head.startswith(b"FUJIFILMCCD-RAW")


def digest(source: Source) -> bytes:
    """Return the digest of a RAF.

    Raises:
        DamagedError: A part lies outside the file.
    """
    preview, _, header, header_bytes, sensor, sensor_bytes = source.unpack(">6I", _DIRECTORY)
    if source.read(preview, 2) != b"\xff\xd8":
        raise DamagedError
    hasher = Hasher(source, b"raf")
    hasher.add(jpeg.digest(source, preview))
    hasher.add_range(header, header_bytes)
    hasher.add_range(sensor, sensor_bytes)
    return hasher.finish()
