"""The `kadr` command. Its commands import what they need when they run, so each starts fast."""

import errno
import gc
import os
import sys
from typing import NoReturn

import typer

from catalog.cli import console, database, keyword, search, status
from catalog.cli.options import Loaders
from catalog.errors import CatalogError
from worker.cli import (
    compare,
    demo,
    doctor,
    evaluate,
    loaders,
    retag,
    tag,
    thumbnails,
    vocabulary,
    watch,
)
from worker.errors import WorkerError

#: Commands that end at once: what they import is no garbage, and looking through it again and again
#: takes a tenth of their time.
SHORT = ("search", "show", "tags")


def build() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        name="kadr",
        help="Tags photos with keywords as they arrive; search and group them by those keywords.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode="rich",
    )
    for module in (tag, watch):
        module.register(app)
    search.register(app, Loaders(loaders.load_encoder, thumbnails.load))
    keyword.register(app, loaders.load_lexicon)
    others = (status, retag, vocabulary, compare, evaluate, demo)
    for module in (*others, doctor, database):
        module.register(app)
    app.callback()(_options)
    return app


def main() -> NoReturn:
    """Run `kadr`; every expected error is one sentence on standard error, and exit status 1."""
    arguments = sys.argv[1:]
    if arguments[:1] and arguments[0] in SHORT:
        gc.disable()
    if arguments[:1] == ["tag"] and arguments[1:2] and arguments[1] in keyword.ACTIONS:
        arguments[0] = "keyword"  # `kadr tag add PHOTO WORD` is what people type
    try:
        build()(arguments)
    except (CatalogError, WorkerError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        console.err().print("Stopped; the same command goes on where it was.")
        sys.exit(130)
    except BrokenPipeError:  # `kadr search ... | head`
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at its end
        _fail("no space is left where the output goes; make room, or send it elsewhere")
    sys.exit(0)


def _fail(message: str) -> NoReturn:
    console.err().print(f"[bold red]kadr:[/] {_escaped(message)}", soft_wrap=True)
    sys.exit(1)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _print_version(is_asked: bool) -> None:  # noqa: FBT001 - Typer hands the flag over by position
    """Print the version and end, before a command is looked for."""
    if is_asked:
        from importlib.metadata import version

        console.out().print(f"kadr {version('kadr')}")
        raise typer.Exit


def _options(
    *,
    version: bool = typer.Option(
        False,
        "--version",
        help="Print the version and end.",
        is_eager=True,
        callback=_print_version,
    ),
) -> None:
    """Options of `kadr` itself; they do their work in callbacks."""
