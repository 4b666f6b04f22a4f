"""`kadr group N`: the photos of one of the groups that `kadr groups` lists."""

from typing import Annotated

import typer

from catalog.cli import catalogue, console, groups, listing, options
from catalog.groups import keyword_groups
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
        if by == "tags":
            made = groups.definitions(session, within, detail, refresh=False)
            name = keyword_groups.name_of(made, number)
            pairs = keyword_groups.find_photos(session, made, number, within=within)
        else:
            name, photo_ids = groups.find_other(session, by, within, number)
            pairs = [(photo_id, 1.0) for photo_id in photo_ids]
        places = [Position(share, photo_id) for photo_id, share in pairs[: limit or None]]
        found = hits.load(session, places)
    if as_json:
        photos = [listing.hit_data(hit) for hit in found]
        console.print_json({"number": number, "name": name, "size": len(pairs), "photos": photos})
        return
    console.out().print(f"[bold]{number}[/] {name}: {console.count_of(len(pairs), 'photo')}")
    pictures = options.of(ctx).thumbnails_if(wanted=thumbnails)
    console.out().print(listing.hit_table(found, pictures))
