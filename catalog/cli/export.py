"""`kadr export`: photos with all that is known of them, for other programs."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from catalog import query as queries
from catalog.cli import catalogue, console
from catalog.errors import OptionError, OutputError
from catalog.export import formats
from catalog.export.formats import Format
from catalog.query.run import Prepared

Query = Annotated[list[str] | None, typer.Argument(help="Which photos; nothing: all.")]
Form = Annotated[Format, typer.Option("--format", "-f", help="What to write.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write; replaced when all is written.")
]
Least = Annotated[
    float | None,
    typer.Option(
        "--min-confidence",
        min=0,
        max=1,
        help="Only keywords at least so sure; 1, and no number with exiftool-csv, "
        "leaves those of people and files.",
    ),
]

_HELP = """Write photos with their keywords and facts for other programs.

`jsonl`, `csv` and `parquet` hold all that is known of each photo, in the order of ids;
`lightroom-keywords` is a keyword list for Lightroom's Import Keywords; `exiftool-csv` is for
`exiftool -csv=FILE -sep ';;' -overwrite_original DIR`, which writes into the photos themselves.
"""

app = typer.Typer(add_completion=False)


@app.command(help=_HELP)
def export(
    query: Query = None,
    form: Form = Format.JSONL,
    output: Output = None,
    least: Least = None,
) -> None:
    """Write photos with their keywords and facts for other programs."""
    if form == Format.PARQUET and output is None and sys.stdout.isatty():
        raise OptionError("Parquet is not text; name a file with --output photos.parquet")
    if least is None and form == Format.EXIFTOOL_CSV:  # guesses go into no original unasked
        least = 1.0
    with catalogue.reading() as session:
        ready = queries.prepare(session, " ".join(query or []), least=least)
        if output is None:
            sys.stdout.flush()
            number = formats.write(ready, form, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            with _replacing(output) as stream:
                number = formats.write(ready, form, stream)
        if not number:
            console.err().print(_why_empty(ready, form, least))
    if output is None:
        return
    noun = "line" if form == Format.LIGHTROOM_KEYWORDS else "photo"
    noun = "file" if form == Format.EXIFTOOL_CSV else noun
    console.out().print(f"{console.count_of(number, noun)} written to {output}", markup=False)


def _why_empty(ready: Prepared, form: Format, least: float | None) -> str:
    """Return why an export holds no photo and no keyword, and what to do."""
    if not ready.count(cap=1):
        return "Nothing written: no photo is found."
    if form == Format.EXIFTOOL_CSV and least == 1.0:
        return (
            "Nothing written: no keyword of these photos is from a person or a file. "
            "--min-confidence 0.7 writes those of a model, too."
        )
    return "Nothing written: these photos have no keyword that is so sure."


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a stream to a new file that takes the place of `path` when all is written.

    Raises:
        OutputError: It cannot be written; what was at `path` is still there.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with beside.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); name a file in a folder that is there "
            "and has space left"
        ) from error
    finally:
        beside.unlink(missing_ok=True)
