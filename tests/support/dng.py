"""Writes camera RAW files for the tests: DNG 1.4 with a Bayer mosaic and an embedded preview."""

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory

from tests.support import photos

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = 1, 2, 3, 4, 5, 10
_HEADER = b"II*\0\x08\0\0\0"
_WHITE_LEVEL = 65535


def write(
    path: Path,
    image: Image.Image,
    *,
    orientation: int = 1,
    preview: Image.Image | None = None,
    preview_exif: Image.Exif | None = None,
    is_preview_jpeg: bool = True,
) -> Path:
    """Write what the sensor saw (`image`, as stored) and a preview, by default the same picture."""
    shown = preview if preview is not None else image
    options = {"exif": preview_exif} if preview_exif is not None else {}
    small = photos.jpeg_bytes(shown, **options) if is_preview_jpeg else shown.tobytes()
    sensor = _mosaic(image)
    first = _first_directory(shown, len(small), orientation, is_preview_jpeg=is_preview_jpeg)
    second = _sensor_directory(image.size, len(sensor))
    # Lengths do not depend on the offsets: serialise once to measure, once to write.
    at_second = 8 + len(first.tobytes(8))
    at_small = at_second + len(second.tobytes(at_second))
    first[330] = at_second
    first[273], second[273] = at_small - at_second, len(small)  # Pillow counts from each one's end
    path.write_bytes(_HEADER + first.tobytes(8) + second.tobytes(at_second) + small + sensor)
    return path


def _directory(entries: dict[int, tuple[int, object]]) -> Directory:
    directory = Directory(_HEADER)
    for tag, (kind, value) in entries.items():
        directory.tagtype[tag] = kind
        directory[tag] = value
    return directory


def _first_directory(
    preview: Image.Image, length: int, orientation: int, *, is_preview_jpeg: bool
) -> Directory:
    identity = [IFDRational(value) for value in (1, 0, 0, 0, 1, 0, 0, 0, 1)]
    return _directory(
        {
            254: (_LONG, 1),  # a reduced picture
            256: (_LONG, preview.width),
            257: (_LONG, preview.height),
            258: (_SHORT, (8, 8, 8)),
            259: (_SHORT, 7 if is_preview_jpeg else 1),
            262: (_SHORT, 6 if is_preview_jpeg else 2),
            271: (_ASCII, "Kadr"),
            272: (_ASCII, "Kadr Testbild 1"),
            273: (_LONG, 0),
            274: (_SHORT, orientation),
            277: (_SHORT, 3),
            278: (_LONG, preview.height),
            279: (_LONG, length),
            330: (_LONG, 0),
            36867: (_ASCII, "2026:07:31 12:00:00"),
            50706: (_BYTE, bytes((1, 4, 0, 0))),
            50708: (_ASCII, "Kadr Testbild 1"),
            50721: (_SRATIONAL, identity),
            50728: (_RATIONAL, [IFDRational(1)] * 3),
        }
    )


def _sensor_directory(size: tuple[int, int], length: int) -> Directory:
    return _directory(
        {
            254: (_LONG, 0),
            256: (_LONG, size[0]),
            257: (_LONG, size[1]),
            258: (_SHORT, 16),
            259: (_SHORT, 1),
            262: (_SHORT, 32803),  # a colour filter array
            273: (_LONG, 0),
            277: (_SHORT, 1),
            278: (_LONG, size[1]),
            279: (_LONG, length),
            33421: (_SHORT, (2, 2)),
            33422: (_BYTE, bytes((0, 1, 1, 2))),  # RGGB
            50714: (_SHORT, 0),
            50717: (_LONG, _WHITE_LEVEL),
        }
    )


def _mosaic(image: Image.Image) -> bytes:
    """Return what an RGGB sensor would record: one 16-bit colour a pixel, linear light."""
    linear = (np.asarray(image.convert("RGB"), np.float64) / 255) ** 2.2
    mosaic = linear[:, :, 1].copy()
    mosaic[::2, ::2] = linear[::2, ::2, 0]
    mosaic[1::2, 1::2] = linear[1::2, 1::2, 2]
    return (mosaic * _WHITE_LEVEL).astype("<u2").tobytes()
