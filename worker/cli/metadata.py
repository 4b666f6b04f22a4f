"""`kadr metadata`: what Kadr writes into sidecars; what it reads is in `metadata_reading`."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from catalog import paths, query, spelling
from catalog.cli import catalogue, console
from catalog.cli.options import AsJson
from catalog.db.database import Database, open_catalogue
from catalog.errors import OptionError
from catalog.photos import sidecar_lists, sidecar_policy, sidecar_writes
from catalog.photos.sidecar_policy import RootPolicy
from catalog.photos.sidecar_writes import Ending, Tally
from catalog.query import photo
from catalog.tags import sidecar_words
from worker.cli import metadata_reading, options
from worker.errors import SidecarError
from worker.sidecars import backup as backups
from worker.sidecars import disk
from worker.sidecars import preview as previews
from worker.sidecars.backup import Backup
from worker.sidecars.preview import Comparison, Preview
from worker.sidecars.writer import Options, Writer

Query = Annotated[list[str] | None, typer.Argument(help="Which photos; nothing: all.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
BreakLinks = Annotated[
    bool, typer.Option("--break-links", help="Also files with several names: this name alone.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]
_SHOWN_FAILURES = 20

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="What is read from sidecars and photos, and written into sidecars.",
)
app.command()(metadata_reading.read)
app.command()(metadata_reading.status)


@app.command()
def policy(
    root: Annotated[str | None, typer.Argument(help="Name or folder of a root.")] = None,
    words: Annotated[
        str | None,
        typer.Argument(
            metavar="[POLICY]",
            help="off, confirmed, a confidence such as 0.7, or default for KADR_SIDECARS.",
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show or set what is written into the sidecars of a root.

    `confirmed` writes what a person added or confirmed, a confidence also what models say from it
    on. `kadr watch` or `kadr metadata write` then write the files.
    """
    marked = 0
    if root is not None and words is not None:
        chosen = None if words.lower() == "default" else sidecar_policy.parse(words)
        with catalogue.writing() as session:
            sidecar_policy.set_policy(session, root, chosen)
            marked = sidecar_words.mark_all_due(session, now=datetime.now(UTC))
    with catalogue.reading() as session:
        found = sidecar_policy.list_roots(session)
    if as_json:
        console.print_json([_policy_data(each) for each in found])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("root", "folder", "sidecars"):
        table.add_column(name)
    for each in found:
        own = "" if each.is_own else " (KADR_SIDECARS)"
        table.add_row(console.safe(each.name), console.safe(each.path), f"{each.policy}{own}")
    console.out().print(table)
    if marked:
        due = console.count_of(marked, "sidecar")
        console.out().print(f"{due} to be compared: `kadr watch` or `kadr metadata write` does it")


@app.command()
def write(
    text: Query = None,
    *,
    dry_run: DryRun = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also where another program contests the words.")
    ] = False,
    break_links: BreakLinks = False,
    remove_rejected: Annotated[
        bool,
        typer.Option(
            "--remove-rejected",
            help="Also take out keywords of other programs that you rejected; asks first.",
        ),
    ] = False,
    backup: Annotated[
        Path | None,
        typer.Option(help="A new folder for copies of what --remove-rejected changes."),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Write the sidecars of photos now, as the policy of their root wants it."""
    kept = _new_backup(backup) if remove_rejected else None
    with _writer(break_links=break_links, force=force, clears_into=kept) as writer:
        photo_ids = _find_photos(writer.database, text)
        _require_policy(writer.database)
        if dry_run:
            _print_previews(list(previews.preview(writer, photo_ids)), as_json=as_json)
            return
        if kept is not None and not yes:
            _ask_to_clear(list(previews.preview(writer, photo_ids)), kept)
        with writer.database.write() as session:
            sidecar_words.mark_all_due(
                session, now=datetime.now(UTC), photo_ids=photo_ids, with_contested=force
            )
        writer.photo_ids = None if photo_ids is None else frozenset(photo_ids)
        tally = _drain(writer)
        _print_tally(writer.database, tally, photo_ids, as_json=as_json)
        if kept is not None and not kept.is_empty:
            console.err().print(
                f"Copies are kept: `kadr metadata restore {_shown(kept)}` puts them back",
                markup=False,
            )
        if tally[Ending.FAILED]:
            raise typer.Exit(1)


@app.command()
def restore(
    folder: Annotated[
        Path, typer.Argument(metavar="BACKUP", help="The folder that --remove-rejected printed.")
    ],
) -> None:
    """Put sidecars back as they were before `write --remove-rejected`."""
    restored, changed = 0, []
    with _writer() as writer:
        for each in Backup(folder).list():
            if not backups.restore(each):
                changed.append(each.target)
                continue
            restored += 1
            digest = hashlib.sha256(each.data).digest()
            with writer.database.write() as session:
                sidecar_writes.note_restored(session, each.root_name, each.path, digest)
    for path in changed:
        shown = paths.printable(paths.to_text(path))
        console.err().print(f"{shown}: changed since, and left alone", markup=False)
    console.out().print(f"{console.count_of(restored, 'sidecar')} restored; `kadr tag` reads them")


@app.command()
def diff(name: Annotated[str, typer.Argument(metavar="PHOTO", help="Path or id.")]) -> None:
    """Compare a photo's sidecars: as last known, in the catalogue, and in the file now."""
    with _writer() as writer:
        with writer.database.read() as session:
            photo_id = photo.find_photo_id(session, name)
        found = previews.compare(writer, photo_id)
    for each in found:
        _print_comparison(each)
    if not found:
        console.out().print("no sidecar, and nothing to write into one: see `kadr metadata policy`")


@app.command()
def withdraw(
    text: Query = None,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    break_links: BreakLinks = False,
) -> None:
    """Take everything that Kadr wrote out of sidecars again; files that it made are deleted."""
    if dry_run:
        with _writer() as writer:
            photo_ids = _find_photos(writer.database, text)
            _print_previews(list(previews.preview_withdrawal(writer, photo_ids)), as_json=False)
        return
    which = "these photos" if text else "all photos"
    if not yes:
        typer.confirm(f"Take Kadr's words out of the sidecars of {which}?", abort=True)
    with _writer(break_links=break_links) as writer:
        photo_ids = _find_photos(writer.database, text)
        tally = writer.withdraw_all(photo_ids)
        _print_tally(writer.database, tally, photo_ids, as_json=False)
        with writer.database.read() as session:
            is_on = bool(sidecar_policy.load(session))
    if is_on:
        console.err().print(
            "The next decision about a photo writes its words again; "
            "`kadr metadata policy ROOT off` ends that.",
            markup=False,
        )


@app.command()
def prune(*, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Delete sidecars that Kadr made, nobody changed, and whose photos are gone."""
    with _writer() as writer:
        with writer.database.read() as session:
            found = sidecar_lists.find_orphans(session)
        files = console.count_of(len(found), "sidecar")
        if dry_run:
            for each in found:
                path = paths.printable(paths.to_text(paths.join(each.root, each.path)))
                console.out().print(path, markup=False, soft_wrap=True)
            console.out().print(f"{files} would be deleted, if nobody changed them")
            return
        if found and not yes:
            typer.confirm(f"Delete {files} whose photos are gone?", abort=True)
        deleted = []
        for each in found:
            try:
                if disk.delete(paths.join(each.root, each.path), each.wrote_sha256):
                    deleted.append(each.sidecar_id)
            except SidecarError as error:
                console.err().print(str(error), markup=False)
        with writer.database.write() as session:
            sidecar_lists.forget_orphans(session, deleted)
    kept = len(found) - len(deleted)
    more = f"; {kept} changed by other programs stay" if kept else ""
    console.out().print(f"{console.count_of(len(deleted), 'sidecar')} deleted{more}")


@contextmanager
def _writer(
    *, break_links: bool = False, force: bool = False, clears_into: Backup | None = None
) -> Iterator[Writer]:
    settings = options.load(level="ERROR")
    how = Options.of(settings, break_links=break_links, force=force, clears_into=clears_into)
    with open_catalogue(settings.database_url) as database:
        yield Writer(database, how)


def _new_backup(folder: Path | None) -> Backup:
    name = f"sidecars-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    kept = Backup(folder or options.load(level="ERROR").data_dir / "backups" / name)
    if not kept.is_empty:
        raise OptionError(f"--backup {_shown(kept)}: the folder is not empty; name a new one")
    return kept


def _shown(kept: Backup) -> str:
    return console.quoted(str(kept.folder))


def _ask_to_clear(found: list[Preview], kept: Backup) -> None:
    words = {spelling.fold(word) for each in found for word in each.cleared}
    if words:
        keywords = console.count_of(len(words), "rejected keyword")
        files = console.count_of(sum(bool(each.cleared) for each in found), "sidecar")
        typer.confirm(
            f"Take {keywords} that other programs wrote out of {files}? "
            f"They are kept in {_shown(kept)}.",
            abort=True,
        )


def _find_photos(database: Database, text: list[str] | None) -> list[int] | None:
    if not text:
        return None
    with database.read() as session:
        return query.find_ids(session, " ".join(text))


def _require_policy(database: Database) -> None:
    with database.read() as session:
        if not sidecar_policy.load(session):
            raise OptionError(
                "nothing is written into the sidecars of any root; say what should be with "
                "`kadr metadata policy ROOT confirmed`"
            )


def _drain(writer: Writer) -> Tally:
    writer.sweep()
    tally = Tally()
    while (done := writer.write_batch()).total:
        tally += done
    return tally


def _print_tally(
    database: Database, tally: Tally, photo_ids: Sequence[int] | None, *, as_json: bool
) -> None:
    with database.read() as session:
        problems = sidecar_lists.find_problems(
            session, limit=_SHOWN_FAILURES + 1, photo_ids=photo_ids
        )
    if as_json:
        counts = {str(ending): tally[ending] for ending in Ending if ending is not Ending.MOVED}
        failures = [{"path": each.path, "reason": each.failure} for each in problems]
        console.print_json(counts | {"problems": failures})
        return
    parts = [f"{console.count_of(tally[Ending.WRITTEN], 'sidecar')} written"]
    if tally[Ending.DELETED]:
        parts.append(f"{tally[Ending.DELETED]:,} deleted")
    if unchanged := tally[Ending.UNCHANGED]:
        parts.append(f"{unchanged:,} unchanged")
    if tally[Ending.FAILED]:
        parts.append(f"{tally[Ending.FAILED]:,} failed")
    console.out().print("; ".join(parts))
    for each in problems[:_SHOWN_FAILURES]:
        console.err().print(each.failure, markup=False)
    if len(problems) > _SHOWN_FAILURES:
        console.err().print("... and more: `kadr metadata status` counts them", markup=False)


def _print_previews(found: list[Preview], *, as_json: bool) -> None:
    if as_json:
        console.print_json([_preview_data(each) for each in found])
        return
    for each in found:
        changes = [*(f"+{word}" for word in each.added), *(f"-{word}" for word in each.removed)]
        said = each.failure or ", ".join(changes) or "the same words in more fields"
        kind = "new: " if each.is_new else "deleted: " if each.is_deleted else ""
        shown = paths.printable(paths.to_text(each.path))
        line = said if each.failure else f"{shown}  {kind}{said}"
        console.out().print(line, markup=False, soft_wrap=True)
    deleted = sum(each.is_deleted for each in found)
    written = sum(each.failure is None for each in found) - deleted
    more = f"; {deleted:,} would be deleted" if deleted else ""
    console.out().print(f"{console.count_of(written, 'sidecar')} would be written{more}")


def _print_comparison(found: Comparison) -> None:
    out = console.out()
    out.print(paths.printable(paths.to_text(found.path)), style="bold", markup=False)
    if found.failure:
        out.print(found.failure, markup=False)
    ours = {
        "confirmed": [path[-1] for path in found.ours.confirmed],
        "proposed": [path[-1] for path in found.ours.proposed],
        "rejected": list(found.ours.rejected),
    }
    states = dict.fromkeys(found.read, "from metadata")
    states |= {word: state for state, words in ours.items() for word in words}
    theirs = dict.fromkeys(found.theirs, "of others")
    theirs |= dict.fromkeys(found.written, "of Kadr")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("keyword", "last known", "catalogue", "file"):
        table.add_column(name)
    for word in dict.fromkeys([*found.base, *states, *theirs, *found.withdrawn]):
        state = states.get(word, "")
        if word in found.withdrawn:
            state = f"{state}, taken out elsewhere".strip(", ")
        base = "there" if word in found.base else ""
        table.add_row(console.safe(word), base, state, theirs.get(word, ""))
    out.print(table)


def _policy_data(each: RootPolicy) -> dict[str, object]:
    data = {"root": each.name, "path": str(paths.from_text(each.path))}
    return data | {"policy": str(each.policy), "is_own": each.is_own}


def _preview_data(each: Preview) -> dict[str, object]:
    data: dict[str, object] = {"path": str(each.path), "is_new": each.is_new}
    data |= {"added": list(each.added), "removed": list(each.removed)}
    return data | {"failure": each.failure}
