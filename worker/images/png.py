"""Keeps metadata of PNG files from costing their picture; `decoders` installs it.

Pillow refuses a PNG whose text or profile is large or damaged, though its pixels are sound, as
every viewer shows.
"""

from collections.abc import Callable
from typing import IO

from PIL import ImageFile, PngImagePlugin
from PIL.PngImagePlugin import PngStream


class TolerantPngStream(PngStream):
    """Reads the chunks of a PNG, and leaves out texts and profiles that Pillow refuses."""

    def chunk_iCCP(self, pos: int, length: int) -> bytes:  # noqa: N802 - Pillow's names
        """Read a colour profile."""
        return self._tried(super().chunk_iCCP, pos, length)

    def chunk_tEXt(self, pos: int, length: int) -> bytes:  # noqa: N802
        """Read a text."""
        return self._tried(super().chunk_tEXt, pos, length)

    def chunk_zTXt(self, pos: int, length: int) -> bytes:  # noqa: N802
        """Read a compressed text."""
        return self._tried(super().chunk_zTXt, pos, length)

    def chunk_iTXt(self, pos: int, length: int) -> bytes:  # noqa: N802
        """Read a text in Unicode."""
        return self._tried(super().chunk_iTXt, pos, length)

    def _tried(self, read: Callable[[int, int], bytes], pos: int, length: int) -> bytes:
        try:
            return read(pos, length)
        except (ValueError, SyntaxError):
            file: IO[bytes] | None = self.fp
            if file is None:
                raise
            file.seek(pos)
            return ImageFile._safe_read(file, length)  # noqa: SLF001 - as its own methods do


def install() -> None:
    """Have Pillow read PNG files this way."""
    PngImagePlugin.PngStream = TolerantPngStream  # type: ignore[misc]
