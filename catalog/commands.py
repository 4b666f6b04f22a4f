"""The commands that read the catalogue: `kadr search`, `kadr show`, `kadr tags`, `kadr groups`.

`worker.cli` adds them to its own and tells their errors. What takes long to import is imported when
a command runs.
"""

from typing import Annotated, Literal

import typer

from catalog import console, group_commands, loaders, similar_commands

#: Photos that a table or a JSON page shows unless told otherwise; CSV and lists of paths are whole.
PAGE = 50


def _complete(incomplete: str) -> list[tuple[str, str]]:
    """Complete a keyword in the shell; what goes wrong there must not be seen there."""
    from catalog import completion
    from catalog.errors import CatalogError

    head = incomplete[: len(incomplete) - len(completion.half_typed(incomplete))]
    try:
        with console.reading() as session:
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
Limit = Annotated[int | None, typer.Option("--limit", "-n", min=0, help="Photos at most; 0: all.")]
After = Annotated[str | None, typer.Option(help="The mark of the page before.")]
Form = Annotated[
    Literal["table", "json", "csv", "paths", "paths0"],
    typer.Option("--format", "-f", help="How to print."),
]
Nul = Annotated[bool, typer.Option("-0", help="Paths ended by NUL, for xargs -0.")]
Fold = Annotated[
    bool, typer.Option("--fold", help="Show one of several near duplicates, or of a burst.")
]
ShowFacets = Annotated[bool, typer.Option("--facets", help="Only what the photos have in common.")]
OnlyCount = Annotated[bool, typer.Option("--count", help="Only how many.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_SEARCH_HELP = """Find photos by keyword.

`dog AND (beach OR sea) NOT person`, `"polar bear"`, `mount*`, `tag:=dog`, `dog^0.5`,
`taken:2023-05`, `camera:nikon`, `path:holiday/*`, `is:failed`, `added:>-7d`, ...
"""


def register(app: typer.Typer, given: loaders.Loaders | None = None) -> None:
    """Add these commands to an app; `given` are the parts that know models and images."""
    app.info.context_settings = {**(app.info.context_settings or {}), "obj": given}
    app.command("search", help=_SEARCH_HELP)(search)
    app.command("show")(show)
    app.command("tags")(tags)
    similar_commands.register(app)
    group_commands.register(app)


def search(
    ctx: typer.Context,
    query: Query = None,
    *,
    like: Like = None,
    cut: similar_commands.Cut = True,
    exact: similar_commands.Exact = False,
    sort: Sort = "relevance",
    limit: Limit = None,
    after: After = None,
    form: Form = "table",
    nul: Nul = False,
    as_json: AsJson = False,
    fold: Fold = False,
    show_facets: ShowFacets = False,
    only_count: OnlyCount = False,
    thumbnails: loaders.Thumbnails = False,
) -> None:
    """Find photos by keyword."""
    from catalog import output
    from catalog import query as queries

    text = " ".join(query or [])
    chosen = output.choose_format(form, nul=nul, as_json=as_json)
    given = loaders.of(ctx)
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
    elif chosen in output.PATH_ENDS:
        page_only = {name: given_options[name] for name in ("--after", "--fold")}
        _refuse(page_only, "a list of paths is no page, but of all photos found")
    with console.reading() as session:
        found = queries.prepare(session, text)
        if like is not None:
            is_whole = chosen in ("csv", *output.PATH_ENDS) if limit is None else limit == 0
            size = similar_commands.ALL if is_whole else limit or PAGE
            similar_commands.search_like(
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
            output.print_facets(found, as_json=chosen == "json")
        elif only_count:
            output.print_count(found, as_json=chosen == "json")
        elif chosen in output.PATH_ENDS:
            output.print_paths(found, sort, limit, end=output.PATH_ENDS[chosen])
        else:
            size = {"csv": 0}.get(chosen, PAGE) if limit is None else limit
            asked = output.PageOptions(sort, size, after, chosen, fold, pictures)
            output.print_page(found, asked)


def _refuse(given: dict[str, bool], reason: str) -> None:
    from catalog.errors import OptionError

    if wrong := [name for name, is_given in given.items() if is_given]:
        raise OptionError(f"{reason}; leave out {' and '.join(wrong)}")


def show(
    photos: Annotated[
        list[str], typer.Argument(metavar="PHOTO...", help="Paths or ids; - reads them from stdin.")
    ],
    *,
    show_all: Annotated[
        bool, typer.Option("--all", help="Also keywords below KADR_MIN_CONFIDENCE.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a photo: keywords and where they came from, places, history."""
    from catalog import card, query, threshold

    least = 0.0 if show_all else threshold.choose()
    with console.reading() as session:
        found = [query.get_photo(session, each) for each in console.read_arguments(photos)]
    if as_json:
        console.print_json([card.as_data(each) for each in found])
        return
    for each in found:
        card.print_card(each, console.out(), least=least)


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
    as_json: AsJson = False,
) -> None:
    """List keywords with how many photos have them."""
    from catalog import output, query

    chosen = "json" if as_json else form
    size = (0 if chosen == "csv" else PAGE) if limit is None else limit
    with console.reading() as session:
        more = size + 1 if size else None
        found = query.list_tags(session, prefix=prefix, sort=sort, limit=more, unused=unused)
    output.print_tags(found[: size or None], chosen)
    if size and len(found) > size and chosen == "table":
        console.out().print("there are more: -n 0 lists all", style="dim")
