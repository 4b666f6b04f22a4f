"""Interprets EXIF tags (EXIF 2.32): date, camera, position, Windows' keywords.

`embedded` calls it. Every function accepts what hostile files hold, and returns None for nonsense.
"""

import math
from collections.abc import Iterator
from typing import Any

from PIL import ExifTags, Image

from catalog import spelling
from catalog.said import Taken
from worker.images import decoders
from worker.metadata import dates

_DATES = (
    (ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal),
    (ExifTags.Base.DateTimeDigitized, ExifTags.Base.OffsetTimeDigitized),
)
_XP_KEYWORDS = 0x9C9E
_MAX_DEGREES = (90.0, 180.0)
_PARTS = 3  # degrees, minutes, seconds


def of_image(image: Image.Image) -> Image.Exif:
    """Read an opened image's EXIF; PNG's own `getexif` would decode every pixel first."""
    try:
        return Image.Image.getexif(image)
    except decoders.DECODER_ERRORS:
        return Image.Exif()


def value(directory: Any, tag: int) -> Any:  # noqa: ANN401  Pillow gives tags as it finds them
    """Return one tag, or None if it is absent or damaged: Pillow parses it only now."""
    try:
        return directory.get(tag)
    except decoders.DECODER_ERRORS:
        return None


def taken(exif: Image.Exif) -> Taken | None:
    """Return the camera's wall clock and its zone; the date of an edit (tag 306) does not count."""
    tags = _directory(exif, ExifTags.IFD.Exif)
    for date, zone in _DATES:
        for source in (tags, exif):
            found = dates.parse(_ascii(value(source, date)), _ascii(value(source, zone)))
            if found is not None:
                return found
    return None


def _ascii(raw: object) -> object:
    return raw.decode("ascii", errors="replace") if isinstance(raw, bytes) else raw


def camera(exif: Image.Exif) -> str | None:
    """Return maker and model, the maker once: "Canon EOS R5", not "Canon Canon EOS R5"."""
    make = _short_text(value(exif, ExifTags.Base.Make))
    model = _short_text(value(exif, ExifTags.Base.Model))
    brand = make.split(" ")[0].casefold()
    if brand and model.casefold().startswith(brand):
        return model
    return f"{make} {model}".strip() or None


def position(exif: Image.Exif) -> tuple[float, float] | None:
    """Return (latitude, longitude) in degrees; 0, 0 is what receivers without a fix write."""
    gps = _directory(exif, ExifTags.IFD.GPSInfo)
    latitude = _degrees(value(gps, ExifTags.GPS.GPSLatitude))
    longitude = _degrees(value(gps, ExifTags.GPS.GPSLongitude))
    if latitude is None or longitude is None or (latitude, longitude) == (0.0, 0.0):
        return None
    if latitude > _MAX_DEGREES[0] or longitude > _MAX_DEGREES[1]:
        return None
    south = _short_text(value(gps, ExifTags.GPS.GPSLatitudeRef)).upper().startswith("S")
    west = _short_text(value(gps, ExifTags.GPS.GPSLongitudeRef)).upper().startswith("W")
    return (-latitude if south else latitude), (-longitude if west else longitude)


def windows_keywords(exif: Image.Exif) -> Iterator[str]:
    """Yield the tags of Windows' Explorer: UTF-16, separated by semicolons."""
    packed = value(exif, _XP_KEYWORDS)
    if isinstance(packed, bytes):
        yield from packed.decode("utf-16-le", errors="replace").replace("\0", "").split(";")


def text_of(raw: object) -> str:
    """Decode text of unknown encoding: as UTF-8 if possible, else as Latin-1."""
    if isinstance(raw, str):  # Pillow reads EXIF text as Latin-1
        raw = raw.encode("latin-1", errors="replace")
    if not isinstance(raw, bytes):
        return ""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _short_text(raw: object) -> str:
    return spelling.clean(text_of(raw).split("\0")[0])[: spelling.MAX_WORD_CHARS]


def _directory(exif: Image.Exif, which: int) -> Any:  # noqa: ANN401
    try:
        return exif.get_ifd(which)
    except decoders.DECODER_ERRORS:
        return {}


def _degrees(parts: object) -> float | None:
    """Add up degrees, minutes and seconds; None unless they are three sensible numbers."""
    if not isinstance(parts, tuple) or len(parts) != _PARTS:
        return None
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ArithmeticError):
        return None
    total = degrees + minutes / 60 + seconds / 3600
    return total if math.isfinite(total) and total >= 0 else None
