"""`kadr similar PHOTO`, and `kadr search --like TEXT`: photos by how they look."""

from collections.abc import Sequence
from typing import Annotated

import typer

from catalog import query
from catalog.cli import catalogue, console, listing, options
from catalog.cli.options import Loaders, ThumbnailLoader
from catalog.errors import OptionError
from catalog.query import Prepared, hits
from catalog.query import photo as photos
from catalog.query.pages import Position
from catalog.similar.exact import Match
from catalog.similar.nearest import nearest

#: As many as no catalogue holds; PostgreSQL takes it for a limit.
ALL = 2**31 - 1

app = typer.Typer(add_completion=False)


@app.command()
def similar(
    ctx: typer.Context,
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="A path or an id.")],
    *,
    within: options.Within = "",
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="Photos at most.")
    ] = options.PAGE,
    cut: options.Cut = True,
    exact: options.Exact = False,
    form: options.Form = "table",
    nul: options.Nul = False,
    as_json: options.AsJson = False,
    thumbnails: options.Thumbnails = False,
) -> None:
    """List photos that look like a photo, most alike first."""
    with catalogue.reading() as session:
        photo_id = photos.find_photo_id(session, photo)
        among = query.prepare(session, within)
        found = nearest(session, photo_id, within=among, limit=limit, cut=cut, exact=exact)
        chosen = listing.choose_format(form, nul=nul, as_json=as_json)
        pictures = options.of(ctx).thumbnails_if(wanted=thumbnails)
        _print(among, found, chosen, pictures)


def search_like(
    within: Prepared,
    given: Loaders,
    like: str,
    *,
    limit: int,
    form: str,
    cut: bool = True,
    exact: bool = False,
    thumbnails: ThumbnailLoader | None = None,
) -> None:
    """Print the photos of a query that look like a text.

    Raises:
        OptionError: the text is empty.
        NotFoundError: there are no vectors, or no encoder for them.
    """
    if not like.strip():
        raise OptionError("say what photos should look like: --like 'a rainy street at night'")
    found = nearest(
        within.session,
        like,
        within=within,
        limit=limit,
        cut=cut,
        exact=exact,
        load_encoder=given.encoder,
    )
    _print(within, found, form, thumbnails)


def _print(
    within: Prepared,
    found: Sequence[Match],
    form: str,
    thumbnails: ThumbnailLoader | None = None,
) -> None:
    """Print photos of a query, most alike first, in the format of a search."""
    places = [Position(match.similarity, match.photo_id) for match in found]
    if form in listing.PATH_ENDS:
        listing.write_paths(
            within.session, [match.photo_id for match in found], listing.PATH_ENDS[form]
        )
        return
    shown = hits.load(within.session, places, least=within.least)
    if form == "json":
        console.print_json({"photos": [listing.hit_data(hit) for hit in shown]})
    elif form == "csv":
        listing.print_csv(shown)
    elif shown:
        console.out().print(listing.hit_table(shown, thumbnails))
    elif not listing.print_unknown(within):
        console.out().print("no photo looks like it; --all shows the nearest")
