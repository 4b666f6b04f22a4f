"""`kadr group N`: the photos of one of the groups that `kadr groups` lists."""

from typing import Annotated

import typer

from catalog.cli import catalogue, console, groups, listing, options
from catalog.groups import kinds
from catalog.query import hits
from catalog.query.pages import Position

app = typer.Typer(add_completion=False)


@app.command()
def group(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(help="A group's number, as `kadr groups` lists it.")],
    *,
    by: groups.By = "tags",
    within: options.Within = "",
    detail: groups.Detail = None,
    limit: groups.Limit = options.PAGE,
    as_json: options.AsJson = False,
    thumbnails: options.Thumbnails = False,
) -> None:
    """List the photos of a group, those that it fits best first."""
    with catalogue.reading() as session:
        chosen = kinds.get_group(session, number, kind=by, within=within, detail=detail)
        pairs = list(zip(chosen.shares, chosen.photo_ids, strict=True))[: limit or None]
        found = hits.load(session, [Position(share, photo_id) for share, photo_id in pairs])
    name, size = chosen.name, len(chosen.photo_ids)
    if as_json:
        photos = [listing.hit_data(hit) for hit in found]
        console.print_json({"number": number, "name": name, "size": size, "photos": photos})
        return
    console.out().print(
        f"[bold]{number}[/] {console.safe(name)}: {console.count_of(size, 'photo')}"
    )
    pictures = options.of(ctx).thumbnails_if(wanted=thumbnails)
    console.out().print(listing.hit_table(found, pictures))
