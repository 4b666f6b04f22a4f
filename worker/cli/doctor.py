"""`kadr doctor`: what this machine has, what is missing, and what to do about each."""

import platform
import stat
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch
import typer
from rich.markup import escape
from rich.table import Table

import catalog
import migrations
import worker
from catalog import paths
from catalog.cli import console
from catalog.cli.options import AsJson
from catalog.db import database as databases
from catalog.db.tables import HEAD_REVISION
from catalog.errors import CatalogError
from catalog.photos import roots
from catalog.tags import taggers
from worker.cli import options
from worker.errors import WorkerError
from worker.models import backbone, clip, device, names
from worker.queue import broker
from worker.settings import Settings
from worker.tagging import choice

_PACKAGES = (catalog, migrations, worker)
_WATCHES_WANTED = 65_536
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_watches")
_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "bad": "[red]bad[/]"}

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "note", "bad"]
    fact: str
    #: What to do; empty if nothing.
    advice: str = ""


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Check Python, torch, device, model, database, broker and limits; status 1 if one is bad."""
    found = _examine(options.load())
    if as_json:
        console.print_json([asdict(finding) for finding in found])
    else:
        _show(found)
    if any(finding.state == "bad" for finding in found):
        raise typer.Exit(1)


def _show(found: list[Finding]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in found:
        fact = escape(finding.fact) + (
            f"\n[dim]{escape(finding.advice)}[/]" if finding.advice else ""
        )
        table.add_row(_MARKS[finding.state], finding.name, fact)
    console.out().print(table)


def _examine(settings: Settings) -> list[Finding]:
    """Look at everything, slow things last."""
    checks = [
        _python,
        _packages,
        _torch,
        _database,
        _tagger,
        _model,
        _broker,
        _left_out,
        _inotify,
        _cache,
    ]
    return [check(settings) for check in checks]


def _python(_: Settings) -> Finding:
    fact = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("python", "ok", f"{fact}, kadr {version('kadr')}")


def _packages(_: Settings) -> Finding:
    places = {module.__name__: Path(module.__path__[0]).parent for module in _PACKAGES}
    if len(set(places.values())) == 1:
        return Finding("packages", "ok", f"{', '.join(places)} in {places['worker']}")
    fact = ", ".join(f"{name} in {folder}" for name, folder in places.items())
    return Finding(
        "packages",
        "bad",
        fact,
        "a folder or file of the same name comes first on Python's path; run kadr elsewhere",
    )


def _torch(settings: Settings) -> Finding:
    try:
        chosen = device.choose_device(settings.device)
    except WorkerError as error:
        return Finding("device", "bad", str(error))
    name = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else chosen.type
    fact = f"torch {torch.__version__} on {name}, {torch.get_num_threads()} threads"
    advice = "" if chosen.type != "cpu" else "a graphics card would be 10 to 100 times faster"
    return Finding("device", "ok", fact, advice)


def _database(settings: Settings) -> Finding:
    shown = databases.shown_url(settings.database_url)
    try:
        if _is_absent(settings):
            return Finding("database", "ok", f"{shown} is made by the first `kadr tag DIR`")
        with databases.open_database(settings.database_url, upgrade=False):
            fact = f"{shown} at version {HEAD_REVISION}"
        file = databases.sqlite_file(settings.database_url)
        if file is not None and file.expanduser().stat().st_mode & stat.S_IROTH:
            advice = f"keep its places and secrets to yourself: chmod 600 {file}"
            return Finding("database", "note", f"{fact}, readable by every user here", advice)
        return Finding("database", "ok", fact)
    except CatalogError as error:
        return Finding("database", "bad", str(error))


def _tagger(settings: Settings) -> Finding:
    try:
        if _is_absent(settings):
            return Finding("catalogue", "ok", "empty")
        with (
            databases.open_database(settings.database_url, upgrade=False) as opened,
            opened.read() as session,
        ):
            chosen = taggers.find(session)
    except CatalogError as error:
        return Finding("catalogue", "bad", str(error))
    if chosen is None:
        return Finding("catalogue", "ok", "no model chosen yet: the first `kadr tag DIR` does")
    fact = f"tagged with {chosen.model}, vocabulary {chosen.vocabulary}, preset {chosen.preset}"
    return Finding("catalogue", "ok", fact)


def _model(settings: Settings) -> Finding:
    try:
        kind = device.choose_device(settings.device).type
        wanted = settings.model or (choice.ON_CPU if kind == "cpu" else choice.ON_GPU)
        if wanted == names.STARTER:
            backbone.find()
            return Finding(
                "model",
                "ok",
                "the starter model, EfficientNet-Lite2 with about 1,500 keywords",
                f"`kadr retag --model {choice.ON_CPU}` moves up to CLIP",
            )
        if clip.is_available(wanted):
            return Finding("model", "ok", f"{wanted} is here or can be downloaded")
        backbone.find()
    except WorkerError as error:
        return Finding("model", "bad", str(error))
    return Finding(
        "model",
        "note",
        f"{wanted} can be neither found nor downloaded; the starter model is here, "
        "EfficientNet-Lite2 with about 1,500 keywords",
        f"with a network, `kadr retag --model {wanted}` moves up to CLIP; "
        "or put a model's folder here and use --model local-dir:PATH",
    )


def _broker(settings: Settings) -> Finding:
    if settings.is_embedded:
        return Finding("broker", "ok", "memory://, one process with its worker inside")
    try:
        broker.require_broker()
    except WorkerError as error:
        return Finding("broker", "bad", str(error))
    if broker.is_anybody_there():
        return Finding("broker", "ok", f"{broker.shown_broker()}, and workers answer")
    return Finding(
        "broker", "note", f"{broker.shown_broker()}, no worker answers", "start `kadr worker`"
    )


def _left_out(settings: Settings) -> Finding:
    """Print what the last scans left out: the reasons, how many of each, and the first of them."""
    try:
        if _is_absent(settings):
            return Finding("left out", "ok", "nothing yet")
        with (
            databases.open_database(settings.database_url, upgrade=False) as opened,
            opened.read() as session,
        ):
            found = roots.find_all_left_out(session)
    except CatalogError as error:
        return Finding("left out", "bad", str(error))
    if not found:
        return Finding("left out", "ok", "no folder and no file")
    facts = [
        f"{count:,} by {reason}: {paths.printable(first)}{', ...' if count > 1 else ''}"
        for reason, (count, first) in found.items()
    ]
    advice = "docs/formats.md says what each reason means and how to take such photos"
    return Finding("left out", "ok", "\n".join(facts), advice)


def _inotify(_: Settings) -> Finding:
    if not _INOTIFY.exists():
        return Finding("watching", "ok", "by the events of this system")
    limit = int(_INOTIFY.read_text(encoding="ascii"))
    if limit >= _WATCHES_WANTED:
        return Finding("watching", "ok", f"up to {limit:,} folders")
    advice = "for more: sysctl fs.inotify.max_user_watches=1048576, or `kadr watch --poll`"
    return Finding("watching", "note", f"up to {limit:,} folders", advice)


def _cache(settings: Settings) -> Finding:
    folder = settings.cache_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        advice = "set KADR_CACHE_DIR to a folder that can be written"
        return Finding("cache", "note", f"{folder}: {error.strerror}", advice)
    return Finding("cache", "ok", str(folder))


def _is_absent(settings: Settings) -> bool:
    file = databases.sqlite_file(settings.database_url)
    return file is not None and not file.exists()
