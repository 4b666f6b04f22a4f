"""`kadr search --like TEXT` and `kadr similar PHOTO`: photos by how they look."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from catalog.cli import console, options

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from catalog.cli.options import Loaders, ThumbnailLoader

Cut = Annotated[
    bool, typer.Option("--cut/--all", help="Leave out what only looks alike by chance.")
]
Exact = Annotated[
    bool, typer.Option("--exact", help="Compare every vector, also where PostgreSQL has an index.")
]

#: As many as no catalogue holds; PostgreSQL takes it for a limit.
ALL = 2**31 - 1


def register(app: typer.Typer) -> None:
    """Add `similar`."""
    app.command("similar")(similar)


def similar(
    ctx: typer.Context,
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="A path or an id.")],
    *,
    within: Annotated[
        str, typer.Option("--within", "-w", metavar="QUERY", help="Only photos of a query.")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="Photos at most.")
    ] = options.PAGE,
    cut: Cut = True,
    exact: Exact = False,
    form: Annotated[
        Literal["table", "json", "csv", "paths", "paths0"],
        typer.Option("--format", "-f", help="How to print."),
    ] = "table",
    nul: Annotated[bool, typer.Option("-0", help="Paths ended by NUL, for xargs -0.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    thumbnails: options.Thumbnails = False,
) -> None:
    """List photos that look like a photo, most alike first."""
    from catalog.cli import listing
    from catalog.query import photo as photo_lookup
    from catalog.similar.nearest import nearest

    with console.reading() as session:
        photo_id = photo_lookup.find_photo_id(session, photo)
        found = nearest(session, photo_id, within=within, limit=limit, cut=cut, exact=exact)
        chosen = listing.choose_format(form, nul=nul, as_json=as_json)
        pictures = options.of(ctx).thumbnails_if(wanted=thumbnails)
        listing.print_matches(session, found, chosen, pictures, within=within)


def search_like(
    session: "Session",
    given: "Loaders",
    like: str,
    within: str,
    *,
    limit: int,
    form: str,
    cut: bool = True,
    exact: bool = False,
    thumbnails: "ThumbnailLoader | None" = None,
) -> None:
    """Print the photos of a query that look like a text.

    Raises:
        CatalogError: there are no vectors, or no encoder for them.
    """
    from catalog.cli import listing
    from catalog.errors import OptionError
    from catalog.similar.nearest import nearest

    if not like.strip():
        raise OptionError("say what photos should look like: --like 'a rainy street at night'")
    found = nearest(
        session,
        like,
        within=within,
        limit=limit,
        cut=cut,
        exact=exact,
        load_encoder=given.encoder,
    )
    listing.print_matches(session, found, form, thumbnails, within=within)
