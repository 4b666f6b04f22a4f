"""`kadr tags`: the keywords with how many photos have them."""

from typing import Annotated, Literal

import typer

from catalog.cli import console, options


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
    from catalog.cli import listing
    from catalog.tags import counts

    chosen = "json" if as_json else form
    size = (0 if chosen == "csv" else options.PAGE) if limit is None else limit
    with console.reading() as session:
        more = size + 1 if size else None
        found = counts.list_tags(session, prefix=prefix, sort=sort, limit=more, unused=unused)
    listing.print_tags(found[: size or None], chosen)
    if size and len(found) > size and chosen == "table":
        console.out().print("there are more: -n 0 lists all", style="dim")
