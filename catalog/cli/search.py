"""`kadr search`; and `register`, which adds every command that reads the catalogue.

`worker.cli` adds them to its own and tells their errors. What takes long to import is imported when
a command runs.
"""

from typing import Annotated, Literal

import typer

from catalog.cli import console, groups, options, show, similar, tags
from catalog.cli.options import Form, Limit, Nul, Query

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

_SEARCH_HELP = """Find photos by keyword.

`dog AND (beach OR sea) NOT person`, `"polar bear"`, `mount*`, `tag:=dog`, `dog^0.5`,
`taken:2023-05`, `camera:nikon`, `path:holiday/*`, `is:failed`, `added:>-7d`, ...
"""


def register(app: typer.Typer, given: options.Loaders | None = None) -> None:
    """Add these commands to an app; `given` are the parts that know models and images."""
    app.info.context_settings = {**(app.info.context_settings or {}), "obj": given}
    app.command("search", help=_SEARCH_HELP)(search)
    app.command("show")(show.show)
    app.command("tags")(tags.tags)
    similar.register(app)
    groups.register(app)


def search(
    ctx: typer.Context,
    query: Query = None,
    *,
    like: Like = None,
    cut: similar.Cut = True,
    exact: similar.Exact = False,
    sort: Sort = "relevance",
    limit: Limit = None,
    after: After = None,
    form: Form = "table",
    nul: Nul = False,
    as_json: options.AsJson = False,
    fold: Fold = False,
    show_facets: ShowFacets = False,
    only_count: OnlyCount = False,
    thumbnails: options.Thumbnails = False,
) -> None:
    """Find photos by keyword."""
    from catalog.cli import listing

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
        _refuse(given_options | {chief: False}, f"{chief} is of all photos found, in no order")
    elif chosen in listing.PATH_ENDS:
        page_only = {name: given_options[name] for name in ("--after", "--fold")}
        _refuse(page_only, "a list of paths is no page, but of all photos found")
    with console.reading() as session:
        if like is not None:
            is_whole = chosen in ("csv", *listing.PATH_ENDS) if limit is None else limit == 0
            size = similar.ALL if is_whole else limit or options.PAGE
            similar.search_like(
                session,
                given,
                like,
                text,
                limit=size,
                form=chosen,
                cut=cut,
                exact=exact,
                thumbnails=pictures,
            )
        elif show_facets:
            listing.print_facets(session, text, as_json=chosen == "json")
        elif only_count:
            listing.print_count(session, text, as_json=chosen == "json")
        elif chosen in listing.PATH_ENDS:
            listing.print_paths(session, text, sort, limit, end=listing.PATH_ENDS[chosen])
        else:
            size = {"csv": 0}.get(chosen, options.PAGE) if limit is None else limit
            asked = listing.PageOptions(sort, size, after, chosen, fold, pictures)
            listing.print_page(session, text, asked)


def _refuse(given: dict[str, bool], reason: str) -> None:
    from catalog.errors import OptionError

    if wrong := [name for name, is_given in given.items() if is_given]:
        raise OptionError(f"{reason}; leave out {' and '.join(wrong)}")
