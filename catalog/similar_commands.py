"""`kadr search --like TEXT` and `kadr similar PHOTO`: photos by how they look."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from catalog import console, loaders

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy.orm import Session

    from catalog.hnsw import HnswIndex
    from catalog.loaders import Loaders, ThumbnailLoader
    from catalog.query import Prepared
    from catalog.similar import Match
    from catalog.vector_index import VectorIndex

Cut = Annotated[
    bool, typer.Option("--cut/--all", help="Leave out what only looks alike by chance.")
]
Exact = Annotated[
    bool, typer.Option("--exact", help="Compare every vector, also where PostgreSQL has an index.")
]

#: Photos that are listed unless told otherwise.
PAGE = 50
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
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Photos at most.")] = PAGE,
    cut: Cut = True,
    exact: Exact = False,
    form: Annotated[
        Literal["table", "json", "csv", "paths", "paths0"],
        typer.Option("--format", "-f", help="How to print."),
    ] = "table",
    nul: Annotated[bool, typer.Option("-0", help="Paths ended by NUL, for xargs -0.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    thumbnails: loaders.Thumbnails = False,
) -> None:
    """List photos that look like a photo, most alike first."""
    from catalog import lookup, output, query, vector_index
    from catalog import similar as finder

    with console.reading() as session:
        photo_id = lookup.find_photo_id(session, photo)
        index = _open_index(session, exact=exact)
        direction = finder.like_photo(
            index.sample, vector_index.vector_of(session, photo_id, index.model)
        )
        among = query.prepare(session, within)
        found = _find(among, index, direction, limit + 1, cut=cut)
        others = [match for match in found if match.photo_id != photo_id][:limit]
        chosen = output.choose_format(form, nul=nul, as_json=as_json)
        pictures = loaders.of(ctx).thumbnails_if(wanted=thumbnails)
        output.print_matches(among, others, chosen, pictures)


def search_like(
    within: "Prepared",
    given: "Loaders",
    like: str,
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
    from catalog import output, similar
    from catalog.errors import NotFoundError, OptionError

    if not like.strip():
        raise OptionError("say what photos should look like: --like 'a rainy street at night'")
    index = _open_index(within.session, exact=exact)
    if given.encoder is None:
        raise NotFoundError("there is no text encoder here; run `kadr search --like`")
    direction = similar.encode_query(given.encoder(index.model.name), like, index.model)
    found = _find(within, index, direction, limit, cut=cut)
    output.print_matches(within, found, form, thumbnails)


def _open_index(session: "Session", *, exact: bool) -> "VectorIndex | HnswIndex":
    """Give the server's index where there is one, else the file of all vectors."""
    from catalog import hnsw, settings, vector_index

    model = vector_index.find_model(session)
    found = None if exact else hnsw.open_index(session, model)
    return found or vector_index.open_index(session, settings.load().cache_dir, model=model)


def _find(
    within: "Prepared",
    index: "VectorIndex | HnswIndex",
    direction: "NDArray[np.float32]",
    limit: int,
    *,
    cut: bool,
) -> "list[Match]":
    """Find matches among the photos of a query; without one, among those that are there."""
    from catalog import hnsw, incidence, similar

    if isinstance(index, hnsw.HnswIndex):
        return hnsw.find_nearest(index, direction, within, limit=limit, cut=cut)
    among = incidence.find_ids(within.session, within)
    return similar.find_nearest(index, direction, limit=limit, among=among, cut=cut)
