"""Small pictures for `kadr search --thumbnails`, in whatever way the terminal can show them.

textual-image asks the terminal: Sixel (xterm, foot, WezTerm, Konsole, iTerm2, Windows Terminal),
kitty's graphics protocol, or else half blocks in the colours of the photo.
"""

import io
import logging
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from rich.console import RenderableType
from rich.text import Text

from catalog.cli import console
from worker import images
from worker.cli import options
from worker.decoding.guards import Guards
from worker.decoding.pool import Decoders
from worker.errors import PhotoError

#: Lines that a picture takes, and the columns that none exceeds.
LINES, MAX_COLUMNS = 6, 24
#: Pixels that a picture is decoded to: what 24 columns of a dense screen hold.
MAX_SIDE = 384
#: How many times as high as wide a terminal's character is.
_CELL_RATIO = 2.0
#: Colours, as rich names their kinds, in which half blocks can still be made out.
_ENOUGH_COLOURS = ("256", "truecolor")


def load(paths: Sequence[Path | None]) -> Sequence[RenderableType] | None:
    """Return a picture of each photo, or the reason why it cannot be opened in its place.

    Returns None where the terminal shows no pictures, and prints so on standard error.
    """
    logging.getLogger("textual_image").setLevel(logging.CRITICAL)  # it has a way without answers
    from textual_image import renderable  # noqa: PLC0415 - asks the terminal when it is imported

    is_blocks = renderable.Image is renderable.HalfcellImage
    if is_blocks and console.out().color_system not in _ENOUGH_COLOURS:
        console.err().print("no thumbnails: the terminal shows neither pictures nor 256 colours")
        return None
    settings = options.load()
    with Decoders(Guards.of(settings)) as decoders:
        there = [path for path in paths if path is not None]
        made = decoders.run_all(images.thumbnail, there, MAX_SIDE)
        return [_show(None if path is None else next(made)) for path in paths]


def _show(made: bytes | PhotoError | None) -> RenderableType:
    from textual_image.renderable import Image as Picture  # noqa: PLC0415 - asks the terminal when it is imported

    if made is None:
        return Text("no file", style="dim")
    if isinstance(made, PhotoError):
        reason = str(made).split(": ", 1)[-1].split(";", 1)[0]
        return Text(reason, style="dim")
    photo = Image.open(io.BytesIO(made))
    if photo.width / photo.height * LINES * _CELL_RATIO > MAX_COLUMNS:
        return Picture(photo, width=MAX_COLUMNS, height="auto")
    return Picture(photo, width="auto", height=LINES)
