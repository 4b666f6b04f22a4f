"""The picture of a PNG (W3C PNG 3): header, palette, transparency, colour, pixels, animation."""

import struct
import zlib

from worker.watch.picture import orientation
from worker.watch.picture.source import DamagedError, Hasher, Source

_MAGIC = b"\x89PNG\r\n\x1a\n"
_SEEN = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"iCCP", b"sRGB", b"cICP", b"sBIT"}
    | {b"acTL", b"fcTL", b"fdAT"}
)
_PIXELS = b"IDAT"
_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_XMP, _RAW_EXIF = b"XML:com.adobe.xmp", b"Raw profile type exif"
_MAX_TEXT = 1 << 22
_RAW_PROFILE_LINES = 3


def is_it(head: bytes) -> bool:
    """Return whether a file that begins so is a PNG."""
    return head.startswith(_MAGIC)


def digest(source: Source) -> bytes:
    """Return the digest of a PNG; how its pixels are cut into chunks does not matter.

    Raises:
        DamagedError: A chunk lies outside the file, or there is no end.
        zlib.error: A compressed text is damaged.
    """
    hasher = Hasher(source, b"png")
    at, name = len(_MAGIC), b""
    exif: bytes | None = None
    texts: dict[bytes, bytes] = {}
    pixels = 0
    while name != b"IEND":
        length, *_ = source.unpack(">I", at)
        name = source.read(at + 4, 4)
        if at + 12 + length > source.size:
            raise DamagedError
        if name == _PIXELS:
            hasher.add_raw(at + 8, length)
            pixels += length
        elif name in _SEEN:
            hasher.add(name)
            hasher.add_range(at + 8, length)
        elif name == b"eXIf":
            exif = source.read(at + 8, length)
        elif name in _TEXT and length <= _MAX_TEXT:
            keyword, text = _read_text(name, source.read(at + 8, length))
            texts[keyword] = text
        at += 12 + length
    if exif is None and _RAW_EXIF in texts:
        exif = _of_raw_profile(texts[_RAW_EXIF])
    hasher.add(b"%d" % pixels)
    return hasher.finish(orientation.find(exif, texts.get(_XMP)))


def _read_text(name: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Return keyword and text of a chunk; the text is empty unless it can hold an orientation."""
    keyword, _, rest = body.partition(b"\0")
    if keyword not in {_XMP, _RAW_EXIF}:
        return keyword, b""
    if name == b"tEXt":
        return keyword, rest
    if name == b"zTXt":
        return keyword, _inflate(rest[1:])
    is_compressed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    return keyword, _inflate(text) if is_compressed else text


def _inflate(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, _MAX_TEXT)


def _of_raw_profile(text: bytes) -> bytes:
    """Return the EXIF that ImageMagick writes as hexadecimal text, after its name and length."""
    lines = text.split(b"\n")[_RAW_PROFILE_LINES:]
    try:
        return bytes.fromhex(b"".join(lines).decode("ascii"))
    except ValueError as error:
        raise struct.error from error
