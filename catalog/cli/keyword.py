"""Commands for a person's decisions about keywords: add, remove, confirm, reject, undo and so on.

`kadr tag add PHOTO WORD...` comes here as well, see `catalog.cli.commands`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from catalog import query
from catalog.cli import catalogue, console, options
from catalog.cli.options import LexiconLoader
from catalog.query import photo
from catalog.tags import decision_files, decisions, sidecar_words, taggers
from catalog.tags.decisions import Change
from catalog.tags.store import LookUp

Items = Annotated[
    list[str],
    typer.Argument(
        metavar="PHOTO WORD...",
        help="A photo (path, id, or - for paths from standard input) and keywords; "
        "with --where only keywords.",
    ),
]
Where = Annotated[
    str | None, typer.Option("--where", "-w", help="All photos that this search finds.")
]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Say which keywords a photo has, or has not.",
)


@app.command()
def add(
    ctx: typer.Context, items: Items, *, where: Where = None, as_json: options.AsJson = False
) -> None:
    """Add keywords to photos; no later run takes them away."""
    _decide(decisions.add, items, where, as_json=as_json, load=options.of(ctx).lexicon)


@app.command()
def remove(items: Items, *, where: Where = None, as_json: options.AsJson = False) -> None:
    """Take keywords off photos; what a model gave is rejected, or it would come back."""
    _decide(decisions.remove, items, where, as_json=as_json)


@app.command()
def confirm(items: Items, *, where: Where = None, as_json: options.AsJson = False) -> None:
    """Confirm keywords that photos have: they are right."""
    _decide(decisions.confirm, items, where, as_json=as_json)


@app.command()
def reject(
    ctx: typer.Context, items: Items, *, where: Where = None, as_json: options.AsJson = False
) -> None:
    """Keep keywords away from photos for ever, whatever runs."""
    _decide(decisions.reject, items, where, as_json=as_json, load=options.of(ctx).lexicon)


@app.command()
def undo(*, as_json: options.AsJson = False) -> None:
    """Take the last decision back; again for the one before."""
    with catalogue.writing() as session:
        change = decisions.undo(session, now=datetime.now(UTC))
    _tell(change, as_json=as_json)


@app.command()
def drop_machine(
    *,
    where: Where = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete the keywords that models gave; those of people and of files stay."""
    if not yes:
        typer.confirm("Delete what models gave? `kadr retag` brings it again", abort=True)
    with catalogue.writing() as session:
        photo_ids = None if where is None else query.find_ids(session, where)
        dropped = decisions.drop_machine_tags(session, photo_ids)
        sidecar_words.mark_all_due(session, now=datetime.now(UTC), photo_ids=photo_ids)
    console.out().print(f"{console.count_of(dropped, 'keyword')} deleted")


@app.command()
def export(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.")] = None,
) -> None:
    """Write all decisions, one JSON object a line; photos are named by their content."""
    with catalogue.reading() as session:
        lines = list(decision_files.export(session))
    text = "".join(f"{line}\n" for line in lines)
    if output is None:
        typer.echo(text, nl=False)
    else:
        console.write_file(output, text)
        console.out().print(f"{console.count_of(len(lines), 'decision')} written to {output}")


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[typer.FileText, typer.Argument(help="What `export` wrote; - reads it.")],
) -> None:
    """Take over decisions about the photos that this catalogue has too."""
    with catalogue.writing() as session:
        look_up = _look_up(session, options.of(ctx).lexicon)
        done = decision_files.read(session, file, now=datetime.now(UTC), **look_up)
    console.out().print(
        f"{console.count_of(done.changed, 'keyword')} changed; "
        f"{console.count_of(done.unknown_photos, 'photo')} not in this catalogue"
    )


def _decide(
    decide: Callable[..., Change],
    items: list[str],
    where: str | None,
    *,
    as_json: bool,
    load: LexiconLoader | None = None,
) -> None:
    photos, words = ([], items) if where is not None else (items[:1], items[1:])
    if not words:
        raise typer.BadParameter("name at least one keyword", param_hint="WORD...")
    with catalogue.writing() as session:
        photo_ids = _photo_ids(session, photos, where)
        look_up = _look_up(session, load)
        change = decide(session, photo_ids, words, now=datetime.now(UTC), **look_up)
    _tell(change, as_json=as_json)


def _look_up(session: Session, load: LexiconLoader | None) -> dict[str, LookUp]:
    return {} if load is None else {"look_up": partial(load, taggers.find(session))}


def _photo_ids(session: Session, photos: list[str], where: str | None) -> list[int]:
    if where is not None:
        return query.find_ids(session, where)
    given = console.read_arguments(photos)
    return [photo.find_photo_id(session, each) for each in given]


def _tell(change: Change, *, as_json: bool) -> None:
    if as_json:
        names = ("change_id", "action", "changed", "photos", "meant")
        console.print_json({name: getattr(change, name) for name in names})
        return
    for word, name in change.meant.items():
        console.out().print(f"{word} is an alias of {name}", markup=False)
    if change.changed:
        keywords = console.count_of(change.changed, "keyword")
        photos = console.count_of(change.photos, "photo")
        is_undone = change.action == "undo"
        rest = "as before" if is_undone else "changed; `kadr keyword undo` takes it back"
        console.out().print(f"{keywords} on {photos} {rest}")
    else:
        console.out().print("nothing to change")
