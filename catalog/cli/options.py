"""Options that several commands share, and what the commands are given from outside.

The catalogue itself knows no model and opens no image: `worker.cli` hands in what encodes a text
and what shows a photo.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from catalog.cli import console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from catalog.similar.directions import TextEncoder


def _complete(incomplete: str) -> list[tuple[str, str]]:
    """Complete a keyword in the shell; what goes wrong there must not be seen there."""
    from catalog.errors import CatalogError
    from catalog.tags import completion

    head = incomplete[: len(incomplete) - len(completion.half_typed(incomplete))]
    try:
        with console.reading() as session:
            found = completion.complete(session, incomplete)
    except CatalogError:
        return []
    return [(head + each.word, console.count_of(each.photos, "photo")) for each in found]


Thumbnails = Annotated[
    bool, typer.Option("--thumbnails", "-t", help="Show each photo, small, in the terminal.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
#: Photos that a table or a JSON page shows unless told otherwise; CSV and lists of paths are whole.
PAGE = 50
Paths = Annotated[
    list[str], typer.Argument(metavar="PHOTO...", help="Paths or ids; - reads them from stdin.")
]
AnyPaths = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PHOTO]...", help="Paths or ids; - reads them from stdin."),
]
#: Loads the encoder of a model by its name, when a text has to be encoded.
EncoderLoader = Callable[[str], "TextEncoder"]
#: Gives a small picture for each path, to be printed by rich; None where the terminal shows none.
ThumbnailLoader = Callable[[Sequence[Path | None]], "Sequence[RenderableType] | None"]

Query = Annotated[
    list[str] | None,
    typer.Argument(help="What to find; nothing: all.", autocompletion=_complete),
]
Limit = Annotated[int | None, typer.Option("--limit", "-n", min=0, help="Photos at most; 0: all.")]
Form = Annotated[
    Literal["table", "json", "csv", "paths", "paths0"],
    typer.Option("--format", "-f", help="How to print."),
]
Nul = Annotated[bool, typer.Option("-0", help="Paths ended by NUL, for xargs -0.")]


@dataclass(frozen=True, slots=True)
class Loaders:
    """Both; what is None is not to be had where the command runs."""

    encoder: EncoderLoader | None = None
    thumbnails: ThumbnailLoader | None = None

    def thumbnails_if(self, *, wanted: bool) -> ThumbnailLoader | None:
        """Give what loads small pictures, if wanted and if a terminal is there to show them."""
        if not wanted:
            return None
        if self.thumbnails is None or not _is_sized_terminal():
            console.err().print("no thumbnails: the output is not a terminal that tells its size")
            return None
        return self.thumbnails


def of(ctx: typer.Context) -> Loaders:
    """Give what `catalog.cli.search.register` was given."""
    return ctx.obj if isinstance(ctx.obj, Loaders) else Loaders()


def _is_sized_terminal() -> bool:
    """Say whether the output is a terminal that knows its size; under some programs it is 0 x 0."""
    return sys.stdout.isatty() and all(os.get_terminal_size(sys.stdout.fileno()))
