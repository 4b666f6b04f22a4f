"""`kadr demo`: photos arrive in a folder and are tagged while a person watches."""

import shlex
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from catalog import query as queries
from catalog.cli import console, search
from catalog.db.database import open_database
from catalog.photos import history
from catalog.photos.history import News
from worker.cli import options, running, samples, watching
from worker.queue.process import Process
from worker.settings import Settings
from worker.watch import roots

_PHOTOS = 12
_PAUSE_S = 0.7
_PATIENCE_S = 120.0
_KEYWORDS_SHOWN = 5
#: A newcomer is shown what the model is fairly sure of; `kadr show` has the rest.
_FAIRLY_SURE = 0.3


app = typer.Typer(add_completion=False)


@app.command()
def demo(
    photos: Annotated[
        Path | None, typer.Argument(help="A folder of your own; some of its photos are copied.")
    ] = None,
    model: options.Model = "starter",
    folder: Annotated[Path, typer.Option(help="Where the demo may write.")] = Path("demo"),
) -> None:
    """Watch a folder while photos arrive in it one by one, then search them.

    The starter model needs no download. Sample photos come with scikit-image and scikit-learn.
    """
    chosen = samples.take_some(photos, _PHOTOS) if photos else samples.find_samples()
    inbox, url = _prepare(folder)
    settings = options.load(
        model=model, database_url=url, broker_url="memory://", settle_s=0.3, log_level="WARNING"
    )
    arrivals = dict.fromkeys(chosen, 0.0)
    news = _watch(settings, inbox, chosen, arrivals)
    _search(news, url)


def _prepare(folder: Path) -> tuple[Path, str]:
    """Make the demo's folder anew; only what a demo wrote is removed."""
    inbox, file = folder.absolute() / "photos", folder.absolute() / "kadr.db"
    if file.exists():
        for old in folder.absolute().glob("kadr.db*"):
            old.unlink()
        shutil.rmtree(inbox, ignore_errors=True)
    inbox.mkdir(parents=True, exist_ok=True)
    return inbox, f"sqlite:///{file}"


def _watch(
    settings: Settings, inbox: Path, chosen: dict[str, Path], arrivals: dict[str, float]
) -> list[News]:
    """Run the watcher, let the photos arrive, and show what becomes of each."""
    with (
        running.open_process(settings) as process,
        running.working(process),
        _watching(process, inbox),
    ):
        console.err().print(
            f"Watching [bold]{inbox}[/] with the model {settings.model}. Photos arrive."
        )
        threading.Thread(target=_deliver, args=(chosen, inbox, arrivals), daemon=True).start()
        return _follow(process, arrivals)


@contextmanager
def _watching(process: Process, inbox: Path) -> Iterator[None]:
    folders = roots.register(process.database, [str(inbox)])
    watcher = watching.make_watcher(process)
    thread = threading.Thread(target=watcher.run, args=(folders,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        watcher.stop()
        thread.join()


def _deliver(chosen: dict[str, Path], inbox: Path, arrivals: dict[str, float]) -> None:
    for name, source in chosen.items():
        shutil.copyfile(source, inbox / name)
        arrivals[name] = time.time()
        time.sleep(_PAUSE_S)


def _follow(process: Process, arrivals: dict[str, float]) -> list[News]:
    """Keep a live table until every photo is finished."""
    found: dict[str, News] = {}
    mark, patience = 0, time.monotonic() + _PATIENCE_S
    with Live(_table(arrivals, found), console=console.err(), refresh_per_second=8) as live:
        while len(found) < len(arrivals) and time.monotonic() < patience:
            with process.database.read() as session:
                news, mark = history.find_news(session, mark)
            found.update({each.name: each for each in news})
            live.update(_table(arrivals, found))
            time.sleep(0.1)
    return list(found.values())


def _table(arrivals: dict[str, float], found: dict[str, News]) -> Table:
    table = Table("photo", "keywords and how sure they are", "after", box=None, pad_edge=False)
    for name, landed_at in arrivals.items():
        if name in found:
            after = f"{found[name].finished_at.timestamp() - landed_at:.1f} s"
            table.add_row(f"[bold]{name}[/]", _keywords(found[name]), f"[dim]{after}[/]")
        elif landed_at:
            table.add_row(name, Text("...", style="dim"), "")
    return table


def _keywords(news: News) -> str:
    if news.reason is not None:
        return f"[yellow]quarantined:[/] {console.safe(news.reason)}"
    shown = [(word, sure) for word, sure in news.keywords if sure >= _FAIRLY_SURE]
    if not shown:
        return "[dim]nothing that it is sure of[/]"
    return "  ".join(
        f"{console.safe(word)} [dim]{sure:.2f}[/]" for word, sure in shown[:_KEYWORDS_SHOWN]
    )


def _search(news: list[News], url: str) -> None:
    """Search for the surest keyword of the first photo, and print what to type next."""
    out = console.err()
    word = next((each.keywords[0][0] for each in news if each.keywords), None)
    if word is None:
        out.print("No photo was tagged; `kadr doctor` looks for the cause.")
        raise typer.Exit(1)
    query = f'"{word}"' if " " in word else word
    out.print(f"\n[bold]$ kadr search {query}[/]")
    with open_database(url, upgrade=False) as database, database.read() as session:
        found = queries.prepare(session, query)
        search.print_page(found, search.PageOptions("relevance", 5, None, "table"))
    kadr = "kadr" if shutil.which("kadr") else sys.argv[0]  # `make demo` leaves PATH alone
    first = Path(url.removeprefix("sqlite:///")).parent / "photos" / news[0].name
    out.print(
        f"\nThe demo's catalogue stays for you to try:\n"
        f"  export KADR_DATABASE_URL={url}\n"
        f"  {kadr} serve              the gallery in a browser: http://127.0.0.1:8090\n"
        f"  {kadr} tags\n"
        f"  {kadr} show {shlex.quote(str(first))}\n"
        "For your own photos, in a catalogue of their own (unset KADR_DATABASE_URL):\n"
        f"  {kadr} tag ~/Pictures      once\n"
        f"  {kadr} watch ~/Pictures    as they arrive",
        highlight=False,
        soft_wrap=True,
    )
