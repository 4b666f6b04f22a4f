"""Reads what a file says of its photo: when, where, by what camera, and keywords people gave it.

`worker.tagging` calls it. Pillow finds EXIF, IPTC and XMP, `worker.metadata` interprets the latter.
Sidecars are read by `worker.watch`. (exiv2 knows more makers' notes, but it is GPL-3 and Kadr is
Apache-2.0.)
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image, IptcImagePlugin

from catalog.said import FILE_NAME, Keyword, Said, Taken
from worker.errors import PhotoError
from worker.images import decoders, exif, opening, raw, raw_exif
from worker.images.opening import AnyPath, Limits
from worker.metadata import file_names, iptc, keywords, xmp
from worker.metadata.xmp import Field, Values, Xmp

_EXIF_XMP = 700


@dataclass(frozen=True, slots=True)
class _Found:
    """Metadata as it was found, before it is interpreted."""

    exif: Image.Exif
    iptc: iptc.Records
    packets: tuple[bytes, ...]


def read(path: AnyPath, limits: Limits | None = None) -> Said:
    """Return what a file says of its photo, without decoding it.

    What is damaged or absent is left out; the date is that of the file's name where no other is.
    Raises nothing, whatever the file holds.
    """
    found = _read_file(path, limits or Limits())
    packets = [xmp.parse(packet) for packet in found.packets]
    taken, taken_from = _taken(path, found, packets)
    position, position_from = _position(found, packets)
    camera = exif.camera(found.exif)
    words = _keywords(found, packets)
    sources = {"taken": taken_from, "position": position_from, "camera": "EXIF" if camera else ""}
    return Said(
        keywords=words,
        has_keywords=bool(words),
        taken=taken,
        position=position,
        camera=camera,
        sources={fact: source for fact, source in sources.items() if source},
    )


def read_packets(path: AnyPath, limits: Limits | None = None) -> tuple[bytes, ...]:
    """Return the XMP packets that a file carries, as they are written; none if it is damaged."""
    return _read_file(path, limits or Limits()).packets


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


def _iptc(image: Image.Image) -> iptc.Records:
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


def _taken(path: AnyPath, found: _Found, packets: list[Xmp]) -> tuple[Taken | None, str]:
    """Return the first date, or the one that says more of the same, and where it stood."""
    dates = [(exif.taken(found.exif), "EXIF")]
    dates += [(packet.taken, "XMP") for packet in packets]
    dates += [(iptc.taken(found.iptc), "IPTC")]
    best: tuple[Taken | None, str] = (None, "")
    for taken, source in dates:
        if taken is not None and taken.is_better_than(best[0]):
            best = (taken, source)
    if best[0] is not None:
        return best
    named = file_names.taken(Path(os.fsdecode(path)).name)
    return (named, FILE_NAME) if named is not None else best


def _position(found: _Found, packets: list[Xmp]) -> tuple[tuple[float, float] | None, str]:
    places = [(exif.position(found.exif), "EXIF")]
    places += [(packet.position, "XMP") for packet in packets]
    return next(((place, source) for place, source in places if place is not None), (None, ""))


def _keywords(found: _Found, packets: list[Xmp]) -> tuple[Keyword, ...]:
    words, cut = iptc.keywords(found.iptc)
    fields: dict[Field, Values] = {}
    for packet in packets:
        for field, values in packet.fields.items():
            before = fields[field].values if field in fields else ()
            fields[field] = Values(values.form, before + values.values)
    more = [*words, *exif.windows_keywords(found.exif)]
    return keywords.collect(fields, more=more, cut=cut)
