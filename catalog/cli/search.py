"""`kadr search`: the photos of a query, as a table, JSON, CSV or paths; their number; their facets.

It starts on every search, so it imports neither NumPy nor what only some options need.
"""

from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

import typer
from sqlalchemy.orm import Session

from catalog import query as queries
from catalog import settings
from catalog.cli import catalogue, console, listing, options
from catalog.errors import CatalogError, OptionError
from catalog.tags import completion

#: Counted up to here under a table; `--count` counts all.
COUNT_CAP = 10_000


def _complete(incomplete: str) -> list[tuple[str, str]]:
    """Complete a keyword in the shell; what goes wrong there must not be seen there."""
    head = incomplete[: len(incomplete) - len(completion.half_typed(incomplete))]
    try:
        with catalogue.reading() as session:
            found = completion.complete(session, incomplete)
    except CatalogError:
        return []
    return [(head + each.word, console.count_of(each.photos, "photo")) for each in found]


Query = Annotated[
    list[str] | None,
    typer.Argument(help="What to find; nothing: all.", autocompletion=_complete),
]
Like = Annotated[str | None, typer.Option(help="Photos that look like this text.")]
Sort = Annotated[
    Literal["relevance", "taken", "oldest", "added", "name"],
    typer.Option("--sort", "-s", help="Order; oldest is the oldest taken first."),
]
After = Annotated[str | None, typer.Option(help="The mark of the page before.")]
Fold = Annotated[
    bool, typer.Option("--fold", help="Show one of several near duplicates, or of a burst.")
]
ShowFacets = Annotated[bool, typer.Option("--facets", help="Only what the photos have in common.")]
OnlyCount = Annotated[bool, typer.Option("--count", help="Only how many.")]

_HELP = """Find photos by keyword.

`dog AND (beach OR sea) NOT person`, `"polar bear"`, `mount*`, `tag:=dog`, `dog^0.5`,
`taken:2023-05`, `camera:nikon`, `path:holiday/*`, `is:failed`, `added:>-7d`, ...
"""

app = typer.Typer(add_completion=False)


@app.command(help=_HELP)
def search(
    ctx: typer.Context,
    query: Query = None,
    *,
    like: Like = None,
    cut: options.Cut = True,
    exact: options.Exact = False,
    sort: Sort = "relevance",
    limit: options.Limit = None,
    after: After = None,
    form: options.Form = "table",
    nul: options.Nul = False,
    as_json: options.AsJson = False,
    fold: Fold = False,
    show_facets: ShowFacets = False,
    only_count: OnlyCount = False,
    thumbnails: options.Thumbnails = False,
) -> None:
    """Find photos by keyword."""
    text = " ".join(query or [])
    chosen = listing.choose_format(form, nul=nul, as_json=as_json)
    given = options.of(ctx)
    pictures = given.thumbnails_if(wanted=thumbnails and chosen == "table")
    given_options = {
        "--after": after is not None,
        "--sort": sort != "relevance",
        "--fold": fold,
        "--facets": show_facets,
        "--count": only_count,
    }
    if like is not None:
        _refuse(given_options, "--like lists the most alike, best first")
    elif show_facets or only_count:
        chief = "--facets" if show_facets else "--count"
        _refuse(given_options | {chief: False}, f"{chief} covers all photos found, in no order")
    elif chosen in listing.PATH_ENDS:
        page_only = {name: given_options[name] for name in ("--after", "--fold")}
        _refuse(page_only, f"--format {chosen} lists every match")
    with catalogue.reading() as session:
        found = queries.prepare(session, text)
        if like is not None:
            from catalog.cli import similar  # noqa: PLC0415 - brings NumPy, for `--like` alone

            is_whole = chosen in ("csv", *listing.PATH_ENDS) if limit is None else limit == 0
            size = similar.ALL if is_whole else limit or options.PAGE
            similar.search_like(
                found,
                given,
                like,
                limit=size,
                form=chosen,
                cut=cut,
                exact=exact,
                thumbnails=pictures,
            )
        elif show_facets:
            _print_facets(found, as_json=chosen == "json")
        elif only_count:
            _print_count(found, as_json=chosen == "json")
        elif chosen in listing.PATH_ENDS:
            _print_paths(found, sort, limit, end=listing.PATH_ENDS[chosen])
        else:
            size = {"csv": 0}.get(chosen, options.PAGE) if limit is None else limit
            asked = PageOptions(sort, size, after, chosen, fold, pictures)
            print_page(found, asked)


def _refuse(given: dict[str, bool], reason: str) -> None:
    """Raise `OptionError` if any of these options is given, for a reason."""
    if wrong := [name for name, is_given in given.items() if is_given]:
        raise OptionError(f"{reason}; drop {' and '.join(wrong)}")


def _print_count(found: queries.Prepared, *, as_json: bool) -> None:
    number = found.count()
    if as_json:
        console.print_json({"query": found.text, "count": number})
    else:
        typer.echo(str(number))


def _print_paths(found: queries.Prepared, sort: str, limit: int | None, *, end: str) -> None:
    listing.write_paths(found.session, found.ids(sort=sort, limit=limit or None), end)


@dataclass(frozen=True, slots=True)
class PageOptions:
    """How a page is asked for and printed."""

    sort: str
    #: Photos at most; 0 for all.
    limit: int
    after: str | None
    form: str
    #: Show one of several near duplicates.
    is_folded: bool = False
    #: Loads the small pictures of a table; None for a table without.
    thumbnails: options.ThumbnailLoader | None = None


def print_page(found: queries.Prepared, asked: PageOptions) -> None:
    """Print a page of results."""
    size = asked.limit or found.count() + 1
    page = found.page(sort=asked.sort, limit=size, after=asked.after)
    folded = _fold(found.session, page) if asked.is_folded else {}
    shown = [hit for hit in page.hits if not asked.is_folded or hit.photo_id in folded]
    if asked.form == "json":
        photos = [listing.hit_data(hit) | _alike(folded, hit) for hit in shown]
        data = {"query": found.text, "sort": asked.sort, "photos": photos}
        console.print_json(data | {"next": page.next_cursor, "unknown": list(page.unknown)})
    elif asked.form == "csv":
        listing.print_csv(shown)
    else:
        _print_table(found, replace(page, hits=tuple(shown)), asked.thumbnails)


def _fold(session: Session, page: queries.Page) -> dict[int, list[int]]:
    from catalog.groups import alike  # noqa: PLC0415 - brings NumPy, for `--fold` alone
    from catalog.similar import vector_file  # noqa: PLC0415 - brings NumPy, for `--fold` alone

    index = vector_file.open_index(session, settings.load().cache_dir)
    return alike.fold(session, index, [hit.photo_id for hit in page.hits])


def _alike(folded: dict[int, list[int]], hit: queries.Hit) -> dict[str, Any]:
    return {"alike": folded[hit.photo_id]} if hit.photo_id in folded else {}


def _print_table(
    found: queries.Prepared, page: queries.Page, thumbnails: options.ThumbnailLoader | None
) -> None:
    out = console.out()
    if page.hits:
        out.print(listing.hit_table(page.hits, thumbnails))
    number = found.count(cap=COUNT_CAP + 1)
    total = (
        f"over {COUNT_CAP:,} photos" if number > COUNT_CAP else console.count_of(number, "photo")
    )
    shown = f"{len(page.hits):,} of {total}" if page.next_cursor else total
    out.print(f"{shown} found" if number else "no photo found")
    if page.next_cursor:
        out.print(f"next page: --after {page.next_cursor}", soft_wrap=True)
    listing.print_unknown(found)


def _print_facets(found: queries.Prepared, *, as_json: bool) -> None:
    facets = found.facets()
    if as_json:
        console.print_json({"query": found.text} | asdict(facets))
        return
    for name in ("keywords", "years", "cameras", "formats"):
        values = getattr(facets, name)
        shown = ", ".join(f"{console.safe(each.value)} [dim]{each.photos:,}[/]" for each in values)
        if shown:
            console.out().print(f"[bold]{name}[/]  {shown}")
    if not found.count(cap=1):
        console.out().print("no photo found")
    listing.print_unknown(found)
    if not facets.is_exact:
        console.out().print("estimated from a sample")
