"""Options that several commands share, and the loaders that `worker.cli` gives to the commands.

The catalogue knows no model and opens no image: `worker.cli` hands in what encodes a text, what
shows a photo and what looks up a word.
"""

import os
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from catalog.cli import console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from catalog.similar.directions import TextEncoder
    from catalog.tags.store import Lexicon
    from catalog.tags.taggers import TaggerChoice


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
Cut = Annotated[
    bool, typer.Option("--cut/--all", help="Leave out what only looks alike by chance.")
]
Exact = Annotated[
    bool, typer.Option("--exact", help="Compare every vector, also where PostgreSQL has an index.")
]
Within = Annotated[
    str, typer.Option("--within", "-w", metavar="QUERY", help="Only photos that a query finds.")
]
#: Loads the encoder of a model by its name, when a text has to be encoded.
EncoderLoader = Callable[[str], "TextEncoder"]
#: Returns a small picture for each path, to be printed by rich; None where the terminal shows none.
ThumbnailLoader = Callable[[Sequence[Path | None]], "Sequence[RenderableType] | None"]
#: Returns what the vocabulary of a catalogue, or another one, knows of folded words.
LexiconLoader = Callable[["TaggerChoice | None", Collection[str]], "Lexicon"]

Limit = Annotated[int | None, typer.Option("--limit", "-n", min=0, help="Photos at most; 0: all.")]
Form = Annotated[
    Literal["table", "json", "csv", "paths", "paths0"],
    typer.Option("--format", "-f", help="How to print."),
]
Nul = Annotated[bool, typer.Option("-0", help="Paths ended by NUL, for xargs -0.")]


@dataclass(frozen=True, slots=True)
class Loaders:
    """Callbacks supplied by `worker.cli`; None where unavailable."""

    encoder: EncoderLoader | None = None
    thumbnails: ThumbnailLoader | None = None
    lexicon: LexiconLoader | None = None

    def thumbnails_if(self, *, wanted: bool) -> ThumbnailLoader | None:
        """Return the loader of small pictures, if wanted and if a terminal can show them."""
        if not wanted:
            return None
        if self.thumbnails is None or not _is_sized_terminal():
            console.err().print("no thumbnails: the output is not a terminal that tells its size")
            return None
        return self.thumbnails


def of(ctx: typer.Context) -> Loaders:
    """Return the loaders that the command line was built with."""
    return ctx.obj if isinstance(ctx.obj, Loaders) else Loaders()


def _is_sized_terminal() -> bool:
    """Return whether the output is a terminal that knows its size; some programs say 0 x 0."""
    return sys.stdout.isatty() and all(os.get_terminal_size(sys.stdout.fileno()))
