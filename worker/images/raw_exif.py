"""Finds the EXIF of camera RAW files, most of which are TIFF under another name.

`embedded` calls it. Layouts: github.com/lclevy/canon_cr3 for CR3, exiftool's FujiFilm.pm for RAF.
"""

import io
import struct
from typing import BinaryIO

from PIL import ExifTags, Image

from worker.images import crw

#: EXIF lies near the front, behind at most a preview; more is not read into memory.
MAX_HEAD_BYTES = 16 * 1024 * 1024

_RAF_MAGIC, _RAF_JPEG_POINTER = b"FUJIFILMCCD-RAW", 84
_CR3_MAGIC, _CR3_HEAD_BYTES = b"ftypcrx ", 1024 * 1024
_TIFF_MAGIC = {b"II": b"II*\0", b"MM": b"MM\0*"}
_TIFF_MAGIC_LENGTH = 4


def read(file: BinaryIO) -> Image.Exif:
    """Return a RAW file's EXIF.

    Raises:
        DECODER_ERRORS: One of `decoders.DECODER_ERRORS`: the file is damaged.
    """
    file.seek(0)
    magic = file.read(16)
    if magic.startswith(_RAF_MAGIC):
        return _read_raf(file)
    if magic.startswith(crw.MAGIC, crw.MAGIC_AT):
        return crw.read(file)
    if _CR3_MAGIC in magic:
        return _read_cr3(file)
    return _read_tiff(file)


def _read_tiff(file: BinaryIO) -> Image.Exif:
    """NEF, CR2, ARW, DNG, PEF, and those with a magic of their own: ORF ("IIRO"), RW2 ("IIU")."""
    file.seek(0)
    head = file.read(MAX_HEAD_BYTES)
    magic = _TIFF_MAGIC.get(head[:2], head[:_TIFF_MAGIC_LENGTH])
    exif = Image.Exif()
    exif.load_from_fp(io.BytesIO(magic + head[_TIFF_MAGIC_LENGTH:]))
    return exif


def _read_raf(file: BinaryIO) -> Image.Exif:
    """Fujifilm: a JPEG with all the EXIF, its offset and length as big-endian 32-bit numbers."""
    file.seek(_RAF_JPEG_POINTER)
    offset, length = struct.unpack(">II", file.read(8))
    file.seek(offset)
    with Image.open(io.BytesIO(file.read(min(length, MAX_HEAD_BYTES))), formats=["JPEG"]) as jpeg:
        return jpeg.getexif()


def _read_cr3(file: BinaryIO) -> Image.Exif:
    """Canon CR3: boxes CMT1 (IFD0), CMT2 (EXIF) and CMT4 (GPS), each a TIFF file of its own."""
    file.seek(0)
    head = file.read(_CR3_HEAD_BYTES)
    exif = _box_exif(head, b"CMT1")
    exif._ifds[ExifTags.IFD.Exif] = dict(_box_exif(head, b"CMT2"))  # noqa: SLF001
    exif._ifds[ExifTags.IFD.GPSInfo] = dict(_box_exif(head, b"CMT4"))  # noqa: SLF001
    return exif


def _box_exif(head: bytes, kind: bytes) -> Image.Exif:
    exif = Image.Exif()
    at = head.find(kind)
    if at >= 4:  # noqa: PLR2004  a box starts with its length
        (length,) = struct.unpack(">I", head[at - 4 : at])
        exif.load(head[at + 4 : at - 4 + length])
    return exif
