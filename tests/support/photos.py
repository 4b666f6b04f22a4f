"""Makes real photos of every format for the tests; finds those that scikit's wheels ship."""

import importlib.util
import io
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

#: Format as `Decoded.format` names it -> extension and Pillow's name; RAW is in support/dng.py.
FORMATS = {
    "jpeg": (".jpg", "JPEG"),
    "png": (".png", "PNG"),
    "webp": (".webp", "WEBP"),
    "tiff": (".tif", "TIFF"),
    "gif": (".gif", "GIF"),
    "bmp": (".bmp", "BMP"),
    "heic": (".heic", "HEIF"),
    "avif": (".avif", "AVIF"),
}
_SAMPLES = {
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "astronaut": ("skimage", "data/astronaut.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "temple": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}

RED, GREEN, BLUE, YELLOW = (220, 40, 30), (40, 180, 60), (30, 60, 200), (240, 220, 40)

# Stored so, EXIF orientation N shows the scene upright: the inverse of what a viewer does.
_STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def sample(name: str) -> Path:
    """Return a real photo that ships with scikit-image or scikit-learn: cat, coffee, temple, ..."""
    package, path = _SAMPLES[name]
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / path


def samples() -> list[Path]:
    """Return all six sample photos."""
    return [sample(name) for name in _SAMPLES]


def scene(width: int = 320, height: int = 240) -> Image.Image:
    """Paint four quarters: red, green / blue, yellow. Any wrong turn puts another one top left."""
    pixels = np.empty((height, width, 3), np.uint8)
    top, left = slice(None, height // 2), slice(None, width // 2)
    bottom, right = slice(height // 2, None), slice(width // 2, None)
    pixels[top, left], pixels[top, right] = RED, GREEN
    pixels[bottom, left], pixels[bottom, right] = BLUE, YELLOW
    return Image.fromarray(pixels)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image as a camera stores it that writes this EXIF orientation."""
    how = _STORED_AS.get(orientation)
    return image if how is None else image.transpose(how)


def exif(orientation: int | None = None, tags: Mapping[int, object] | None = None) -> Image.Exif:
    """Make an EXIF block of an orientation and further tags of its first directory."""
    block = Image.Exif()
    if orientation is not None:
        block[ExifTags.Base.Orientation] = orientation
    for tag, value in (tags or {}).items():
        block[tag] = value
    return block


def save(path: Path, image: Image.Image | None = None, **options: object) -> Path:
    """Write an image (the scene by default) in the format of the extension; gives the path."""
    pillow_heif.register_heif_opener()
    format_ = next(name for extension, name in FORMATS.values() if extension == path.suffix)
    block = options.get("exif")
    if format_ == "HEIF" and isinstance(block, Image.Exif):
        options["exif"] = block.tobytes()  # pillow_heif finds an orientation only in bytes
    (image or scene()).save(path, format_, **options)
    return path


def save_every_format(folder: Path, image: Image.Image | None = None) -> dict[str, Path]:
    """Write one file of each of FORMATS; gives format -> path."""
    return {
        name: save(folder / f"{name}{extension}", image) for name, (extension, _) in FORMATS.items()
    }


def jpeg_bytes(image: Image.Image | None = None, **options: object) -> bytes:
    """Return an image as a JPEG in memory."""
    buffer = io.BytesIO()
    (image or scene()).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """Make a PNG of a few dozen bytes whose header promises gigapixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    buffer = io.BytesIO(PngImagePlugin._MAGIC)
    buffer.seek(0, io.SEEK_END)
    PngImagePlugin.putchunk(buffer, b"IHDR", header)
    PngImagePlugin.putchunk(buffer, b"IDAT", b"\x78\x9c\x63\x00\x00")
    PngImagePlugin.putchunk(buffer, b"IEND", b"")
    return buffer.getvalue()


def lossless_webp(width: int, height: int) -> bytes:
    """Return 38 bytes whose header promises so many pixels."""
    bits = (width - 1) | (height - 1) << 14
    data = b"\x2f" + struct.pack("<I", bits) + bytes(9)
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def xmp(keywords: list[str], hierarchy: list[str] | None = None, date: str | None = None) -> bytes:
    """Make an XMP packet as Lightroom writes it."""
    bags = {"dc:subject": keywords, "lr:hierarchicalSubject": hierarchy or []}
    body = "".join(
        f"<{tag}><rdf:Bag>{''.join(f'<rdf:li>{item}</rdf:li>' for item in items)}</rdf:Bag></{tag}>"
        for tag, items in bags.items()
    )
    attribute = f' exif:DateTimeOriginal="{date}"' if date else ""
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:lr="http://ns.adobe.com/lightroom/1.0/"'
        f' xmlns:exif="http://ns.adobe.com/exif/1.0/"{attribute}>{body}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def with_iptc(
    jpeg: bytes,
    keywords: list[bytes],
    charset: bytes = b"\x1b%G",
    more: Sequence[tuple[int, int, bytes]] = (),
) -> bytes:
    """Put IPTC keywords into a JPEG, as Photoshop does (APP13, image resource 0x0404)."""
    records = [(1, 90, charset), *((2, 25, keyword) for keyword in keywords), *more]
    iptc = b"".join(
        struct.pack(">BBBH", 0x1C, record, dataset, len(value)) + value
        for record, dataset, value in records
    )
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    segment = b"Photoshop 3.0\0" + resource
    return jpeg[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


#: Colorants of Display P3, adapted to D50: X, Y, Z of red, green and blue.
DISPLAY_P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}


def display_p3_profile() -> bytes:
    """Make an ICC profile with the primaries of Display P3 and the tone curve of sRGB."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    for entry in range(count):
        tag, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * entry)
        if tag in DISPLAY_P3:
            fixed = [round(value * 65536) for value in DISPLAY_P3[tag]]
            struct.pack_into(">3i", profile, offset + 8, *fixed)
    return bytes(profile)
