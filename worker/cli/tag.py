"""`kadr tag`: tags every photo below some folders, or some photos, once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import typer
from rich import progress as bars
from rich.progress import Progress

from catalog.cli import console
from catalog.cli.options import AsJson
from worker.cli import options, running
from worker.queue import oneshot, tasks
from worker.queue.oneshot import Summary, View
from worker.watch import roots
from worker.watch.roots import Folder

app = typer.Typer(add_completion=False)


@app.command()
def tag(
    named: options.Named,
    model: options.Model = None,
    vocabulary: options.Vocabulary = None,
    prompts: options.Prompt = None,
    preset: options.Preset = None,
    device: options.Device = None,
    batch_size: options.BatchSize = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Tag photos and all below folders: what is new or changed since the last run.

    Originals are only read. Ends with status 1 only if there was work and none of it could be done.
    """
    settings = options.load(
        level="ERROR",  # what stops it is said once, by the error that ends it
        model=model,
        vocabulary=vocabulary,
        prompts=prompts or None,
        preset=preset,
        device=device,
        batch_size=batch_size,
    )
    with running.open_process(settings) as process:
        folders = roots.register(process.database, console.read_arguments(named))
        bell = tasks.doorbell_of(process)
        with _progress() as view:
            summary = oneshot.tag_folders(
                process, folders, bell, lambda: running.working(process), view
            )
    if as_json:
        console.print_json(asdict(summary))
    else:
        _show(summary, folders)
    if summary.did_nothing_useful:
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[View]:
    """Show a bar: photos done of those found, photos a second, time left."""
    columns = (
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TimeRemainingColumn(),
    )
    bar = bars.Progress(*columns, console=console.err(), transient=True)
    with bar:
        yield _Bar(bar)


class _Bar:
    """A `View`: the total grows while the scan goes on."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("Looking for photos", total=None, rate="")
        self._found = 0

    def found(self, photos: int) -> None:
        """Note how many photos there are to tag so far."""
        self._found = photos

    def left(self, photos: int) -> None:
        """Move the bar to so many photos left."""
        total = max(self._found, photos)
        self._found = total
        task = self._bar.tasks[self._task]
        rate = f"{task.speed:.1f} photos/s" if task.speed else ""
        self._bar.update(
            self._task, description="Tagging", total=total, completed=total - photos, rate=rate
        )


def _show(summary: Summary, folders: Sequence[Folder]) -> None:
    out = console.err()
    counts, where = summary.counts, ", ".join(folder.shown for folder in folders)
    if not summary.photos:
        known = counts.tagged + counts.quarantined
        if not known and not counts.unreadable:
            out.print(f"No photos in {where}.", markup=False)
            return
        already = f"{console.count_of(counts.tagged, 'photo')} there were tagged before"
        if counts.tagged == 1:
            already = "1 photo there was tagged before"
        if any(folder.is_part for folder in folders):  # the counts are those of the whole root
            already = "all photos there were tagged before"
        out.print(f"Nothing to tag in {where}: {already}.", markup=False)
    else:
        rate = summary.tagged / summary.seconds if summary.seconds else 0.0
        tagged = console.count_of(summary.tagged, "photo")
        out.print(f"[bold]{tagged}[/] tagged in {_duration(summary.seconds)} ({rate:.1f}/s).")
    if summary.reread:
        reread = console.count_of(summary.reread, "photo")
        out.print(f"Metadata of {reread} changed in other programs, and was read again.")
    put_aside = counts.quarantined + counts.unreadable
    if put_aside:
        out.print(f"[yellow]{put_aside:,}[/] could not be read: `kadr failures` says why.")
    if summary.waiting:
        out.print(f"[yellow]{summary.waiting:,}[/] changed meanwhile or are away: run this again.")
    if summary.tagged:
        out.print("Next: `kadr tags` shows the keywords, `kadr search WORD` finds photos.")


def _duration(seconds: float) -> str:
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"  # noqa: PLR2004
