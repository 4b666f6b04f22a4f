"""Reads the metadata of a photo: when, where, by what camera, and keywords people gave it.

`worker.tagging.opening` calls it for every photo. Pillow reads EXIF, IPTC and XMP; sidecars beside
the file count too. (exiv2 knows more makers' notes, but it is GPL-3 and Kadr is Apache-2.0.)
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from PIL import Image, IptcImagePlugin

from catalog import spelling
from worker.errors import PhotoError
from worker.images import decoders, exif, opening, raw, raw_exif, xmp
from worker.images.opening import AnyPath, Limits

#: More keywords than anybody gives one photo; a hostile file may hold millions.
MAX_KEYWORDS = 500

_IPTC_KEYWORDS, _IPTC_CHARSET, _UTF8_CHARSET = (2, 25), (1, 90), b"\x1b%G"
_EXIF_XMP = 700


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of a photo; None for what is absent or makes no sense.

    `taken_at` is the camera's wall clock, naive: cameras rarely know their time zone, and a photo
    of noon is wanted among the noons. `latitude` and `longitude` are WGS 84 degrees, north and
    east positive. `keywords` are clean, each once, in the order of the file.
    """

    taken_at: datetime | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """Metadata as it was found, before it is interpreted."""

    exif: Image.Exif
    iptc: dict[tuple[int, int], bytes | list[bytes]]
    packets: tuple[bytes, ...]


def read(path: AnyPath, limits: Limits | None = None) -> Metadata:
    """Return a photo's metadata without decoding it; what is damaged or absent is left out.

    Raises nothing, whatever the file holds: a file that is not a photo gives `Metadata()`.
    """
    found = _read_file(path, limits or Limits())
    packets = [xmp.parse(packet) for packet in (*found.packets, *_sidecars(path))]
    dates = (exif.taken_at(found.exif), *(exif.parse_date(packet.date) for packet in packets))
    latitude, longitude = exif.position(found.exif) or (None, None)
    return Metadata(
        taken_at=next((date for date in dates if date), None),
        camera=exif.camera(found.exif),
        latitude=latitude,
        longitude=longitude,
        keywords=_distinct(_keywords(found, packets)),
    )


def _read_file(path: AnyPath, limits: Limits) -> _Found:
    try:
        with opening.open_photo(path, limits) as file:
            if raw.is_raw(file, Path(os.fsdecode(path)).suffix):
                return _read_raw(file)
            return _read_image(file, limits)
    except (PhotoError, *decoders.DECODER_ERRORS):
        return _Found(Image.Exif(), {}, ())


def _read_raw(file: BinaryIO) -> _Found:
    directory = raw_exif.read(file)
    packet = exif.value(directory, _EXIF_XMP)
    return _Found(directory, {}, (packet,) if isinstance(packet, bytes) else ())


def _read_image(file: BinaryIO, limits: Limits) -> _Found:
    with decoders.open_image(file, limits.max_pixels) as image:
        return _Found(exif.of_image(image), _iptc(image), tuple(_packets(image)))


def _iptc(image: Image.Image) -> dict[tuple[int, int], bytes | list[bytes]]:
    try:
        return IptcImagePlugin.getiptcinfo(image) or {}  # type: ignore[arg-type]
    except decoders.DECODER_ERRORS:
        return {}


def _packets(image: Image.Image) -> Iterator[bytes]:
    for name in ("xmp", "XML:com.adobe.xmp"):
        packet = image.info.get(name)
        if isinstance(packet, str):
            yield packet.encode(errors="replace")
        elif isinstance(packet, bytes):
            yield packet


def _sidecars(path: AnyPath) -> Iterator[bytes]:
    """Yield the contents of `photo.jpg.xmp` (darktable, digiKam) and `photo.xmp` (Lightroom)."""
    photo = Path(os.fsdecode(path))
    if not photo.name:
        return
    for sidecar in (photo.with_name(photo.name + ".xmp"), photo.with_suffix(".xmp")):
        try:
            with opening.open_photo(sidecar, Limits(max_bytes=xmp.MAX_BYTES)) as file:
                yield file.read()
        except (PhotoError, OSError):
            continue


def _keywords(found: _Found, packets: list[xmp.Xmp]) -> Iterator[str]:
    is_utf8 = found.iptc.get(_IPTC_CHARSET) == _UTF8_CHARSET
    given = found.iptc.get(_IPTC_KEYWORDS, [])
    for keyword in [given] if isinstance(given, bytes) else given:
        yield exif.text_of(keyword, is_utf8=is_utf8)
    for packet in packets:
        yield from packet.keywords
    yield from exif.windows_keywords(found.exif)


def _distinct(keywords: Iterator[str]) -> tuple[str, ...]:
    """Return cleaned keywords, each once in its first spelling."""
    known: dict[str, str] = {}
    for keyword in islice(keywords, MAX_KEYWORDS):
        shown = spelling.clean(keyword)
        if shown and len(shown) <= spelling.MAX_WORD_CHARS:
            known.setdefault(spelling.fold(shown), shown)
    return tuple(known.values())
