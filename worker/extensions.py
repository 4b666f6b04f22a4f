"""Lists the extensions of photos. `worker.watch` and `worker.images` ask; imports no decoder."""

import os

#: What LibRaw opens, in lower case.
RAW = frozenset(
    {".3fr", ".ari", ".arw", ".bay", ".cap", ".cr2", ".cr3", ".crw", ".dcr", ".dcs"}
    | {".dng", ".drf", ".eip", ".erf", ".fff", ".gpr", ".iiq", ".k25", ".kdc", ".mdc"}
    | {".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".ptx", ".pxn", ".r3d"}
    | {".raf", ".raw", ".rw2", ".rwl", ".rwz", ".sr2", ".srf", ".srw", ".x3f"}
)
#: What is registered, in lower case; the content decides what a file really is.
PHOTOS = RAW | frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".gif"}
    | {".bmp", ".dib", ".heic", ".heif", ".hif", ".heics", ".heifs", ".avif", ".avifs"}
)


def is_photo(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> bool:
    """Return whether a file is a photo by its extension."""
    text = path if isinstance(path, str) else os.fsdecode(path)
    name = text[text.rfind(os.sep) + 1 :]  # a Path takes ten times as long
    dot = name.rfind(".")
    return dot > 0 and name[dot:].lower() in PHOTOS
