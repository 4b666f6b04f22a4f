"""`kadr tags`: the keywords, each with the number of photos that have it."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from catalog.cli import catalogue, console, options
from catalog.tags import counts

app = typer.Typer(add_completion=False)


@app.command()
def tags(
    prefix: Annotated[str, typer.Argument(help="Only keywords that begin so.")] = "",
    *,
    sort: Annotated[
        Literal["count", "name"], typer.Option("--sort", "-s", help="Order.")
    ] = "count",
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=0, help="Keywords at most; 0: all.")
    ] = None,
    unused: Annotated[bool, typer.Option("--unused", help="Also those of no photo.")] = False,
    form: Annotated[
        Literal["table", "json", "csv"], typer.Option("--format", "-f", help="How to print.")
    ] = "table",
    as_json: options.AsJson = False,
) -> None:
    """List keywords with how many photos have them."""
    chosen = "json" if as_json else form
    size = (0 if chosen == "csv" else options.PAGE) if limit is None else limit
    with catalogue.reading() as session:
        more = size + 1 if size else None
        found = counts.list_tags(session, prefix=prefix, sort=sort, limit=more, unused=unused)
    _print(found[: size or None], chosen)
    if size and len(found) > size and chosen == "table":
        console.out().print("there are more: -n 0 lists all", style="dim")


def _print(found: Sequence[counts.TagCount], form: str) -> None:
    if form == "json":
        console.print_json([_as_data(tag) for tag in found])
        return
    if form == "csv":
        rows = ((t.name, t.photos, t.parent or "", "; ".join(t.aliases)) for t in found)
        console.write_csv(("name", "photos", "parent", "aliases"), rows)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("photos", justify="right")
    for name in ("keyword", "is a", "also"):
        table.add_column(name)
    for tag in found:
        cells = (tag.name, tag.parent or "", ", ".join(tag.aliases))
        table.add_row(f"{tag.photos:,}", *(console.safe(cell) for cell in cells))
    console.out().print(table if found else "no keyword begins so")


def _as_data(tag: counts.TagCount) -> dict[str, Any]:
    return {
        "name": tag.name,
        "photos": tag.photos,
        "parent": tag.parent,
        "aliases": list(tag.aliases),
    }
