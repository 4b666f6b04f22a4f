"""The `kadr` command: the table of its commands, and how errors end it."""

import errno
import gc
import os
import signal
import sys
import threading
from importlib.metadata import version as version_of
from typing import NoReturn

import typer

from catalog.cli import commands, console, lazy
from catalog.cli.lazy import Command
from catalog.cli.options import Loaders
from catalog.errors import CatalogError
from worker.cli import loaders
from worker.errors import WorkerError

#: All commands in the order of `kadr --help`; a test compares the lines with the docstrings.
COMMANDS = {
    "tag": Command(
        "worker.cli.tag",
        "Tag photos and all below folders: what is new or changed since the last run.",
    ),
    "watch": Command(
        "worker.cli.watch",
        "Tag photos below the folders as they arrive, change, move; until Ctrl-C.",
    ),
    "serve": Command(
        "worker.cli.serve",
        "Show the catalogue in a browser: search, review keywords; and a REST API for scripts.",
    ),
    "worker": Command(
        "worker.cli.worker",
        "Tag the photos that watchers find: one Celery worker, one process per GPU.",
    ),
    "beat": Command(
        "worker.cli.beat",
        "Have workers free what dead workers held; `kadr watch` does it too while it runs.",
    ),
    **commands.COMMANDS,
    "metadata": Command(
        "worker.cli.metadata",
        "What is read from sidecars and photos, and written into sidecars.",
    ),
    "retag": Command("worker.cli.retag", "Tag every photo anew; what a person decided stays."),
    "vocabulary": Command("worker.cli.vocabulary", "The words that photos are tagged with."),
    "compare": Command(
        "worker.cli.compare",
        "Compare keywords on photos: Kadr's, the paper's, and a classifier's with a fixed list.",
    ),
    "evaluate": Command(
        "worker.cli.evaluate",
        "Measure precision, recall, mAP and coverage; models, vocabularies, presets side by side.",
    ),
    "check": Command(
        "worker.cli.check",
        "Compare files, rows, counts and indexes; `--mend` mends what can be made again.",
    ),
    "demo": Command(
        "worker.cli.demo",
        "Watch a folder while photos arrive in it one by one, then search them.",
    ),
    "doctor": Command(
        "worker.cli.doctor",
        "Check Python, torch, device, model, database, broker and limits; status 1 if one is bad.",
    ),
}

#: Commands that end at once: what they import is no garbage, and looking through it again and again
#: takes a tenth of their time.
SHORT = ("search", "show", "tags")

#: Seconds after Ctrl-C at which the process ends, whatever is still to be put in order.
_LAST_S = 1.7
#: The status of a command that Ctrl-C ended.
_INTERRUPTED = 130


def build() -> typer.Typer:
    """Build the command line; each command is imported when it is named."""
    given = Loaders(loaders.load_encoder, loaders.load_thumbnails, loaders.load_lexicon)
    app = lazy.build(COMMANDS, given)
    app.callback()(_options)
    return app


def main() -> NoReturn:
    """Run `kadr`; every expected error is one sentence on standard error, and exit status 1."""
    arguments = sys.argv[1:]
    signal.signal(signal.SIGINT, _interrupt)
    if arguments[:1] and arguments[0] in SHORT:
        gc.disable()
    try:
        build()(commands.read_tag_as_keyword(arguments))
    except (CatalogError, WorkerError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _stop()
    except SystemExit as error:
        if error.code == _INTERRUPTED:  # Typer's answer to Ctrl-C
            _stop()
        raise
    except BrokenPipeError:  # `kadr search ... | head`
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at its end
        _fail("no space is left where the output goes; make room, or send it elsewhere")
    sys.exit(0)


def _interrupt(*_: object) -> NoReturn:
    """End within two seconds of Ctrl-C, whatever native code a thread is in; once is enough."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    last = threading.Timer(_LAST_S, _stop)
    last.daemon = True
    last.start()
    raise KeyboardInterrupt


def _stop() -> NoReturn:
    """End the process after Ctrl-C; threads that are in a model's code do not end with Python."""
    console.err().print("Stopped; the same command goes on where it was.")
    sys.stdout.flush()
    os._exit(_INTERRUPTED)


def _fail(message: str) -> NoReturn:
    from rich.markup import escape  # noqa: PLC0415 - a command that succeeds may need no rich

    console.err().print(f"[bold red]kadr:[/] {escape(message)}", soft_wrap=True)
    sys.exit(1)


def _print_version(is_asked: bool) -> None:  # noqa: FBT001 - Typer hands the flag over by position
    """Print the version and end, before a command is looked for."""
    if is_asked:
        typer.echo(f"kadr {version_of('kadr')}")
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
