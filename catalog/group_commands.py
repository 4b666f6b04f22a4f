"""`kadr groups` and `kadr group N`: photos that share keywords."""

from typing import Annotated, Any, Literal

import typer

from catalog import console, loaders

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Within = Annotated[
    str, typer.Option("--within", "-w", metavar="QUERY", help="Only photos that a query finds.")
]
Detail = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, help="More, smaller groups the higher it is; 0.25 if not said."),
]
By = Annotated[
    Literal["tags", "events", "alike"],
    typer.Option(help="Shared keywords, occasions, or near duplicates and bursts."),
]
#: Groups, or photos of one, that are listed unless told otherwise.
PAGE = 50
Limit = Annotated[int, typer.Option("--limit", "-n", min=0, help="Lines at most; 0: all.")]


def register(app: typer.Typer) -> None:
    """Add these commands to an app."""
    app.command("groups")(groups)
    app.command("group")(group)


def groups(
    *,
    by: By = "tags",
    within: Within = "",
    min_size: Annotated[
        int | None, typer.Option(min=1, help="Photos that make a group: 3, of those alike 2.")
    ] = None,
    detail: Detail = None,
    refresh: Annotated[bool, typer.Option(help="Make the groups anew, with new names.")] = False,
    limit: Limit = PAGE,
    as_json: AsJson = False,
) -> None:
    """List groups of photos that share keywords; new photos join the groups there are."""
    if by != "tags":
        _print_other(by, within, min_size or (2 if by == "alike" else 3), limit, as_json=as_json)
        return
    from catalog import groups as grouping
    from catalog import output, query

    with console.reading() as session:
        made = _definitions(session, within, detail, refresh=refresh)
        least = grouping.MIN_SIZE if min_size is None else min_size
        found = grouping.find_groups(session, made, within=within, min_size=least)
        if not as_json:
            output.print_unknown(query.prepare(session, within))
    shown = found.groups[: limit or None]
    if as_json:
        console.print_json(_as_data(found, shown))
        return
    console.out().print(_table(shown))
    total = console.count_of(found.photos, "photo")
    console.out().print(
        f"{console.count_of(len(found.groups), 'group')} of {total}, {found.ungrouped:,} ungrouped"
    )


def group(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(help="A group's number, as `kadr groups` lists it.")],
    *,
    by: By = "tags",
    within: Within = "",
    detail: Detail = None,
    limit: Limit = PAGE,
    as_json: AsJson = False,
    thumbnails: loaders.Thumbnails = False,
) -> None:
    """List the photos of a group, those that it fits best first."""
    from catalog import groups as grouping
    from catalog import hits, output
    from catalog.cursor import Place

    with console.reading() as session:
        if by == "tags":
            made = _definitions(session, within, detail, refresh=False)
            name = grouping.name_of(made, number)
            pairs = grouping.find_photos(session, made, number, within=within)
        else:
            name, photo_ids = _other(session, by, within, number)
            pairs = [(photo_id, 1.0) for photo_id in photo_ids]
        places = [Place(share, photo_id) for photo_id, share in pairs[: limit or None]]
        found = hits.load(session, places)
    if as_json:
        photos = [output.hit_data(hit) for hit in found]
        console.print_json({"number": number, "name": name, "size": len(pairs), "photos": photos})
        return
    console.out().print(f"[bold]{number}[/] {name}: {console.count_of(len(pairs), 'photo')}")
    pictures = loaders.of(ctx).thumbnails_if(wanted=thumbnails)
    console.out().print(output.hit_table(found, pictures))


def _definitions(
    session: Any,  # noqa: ANN401 - the type lives in what is imported late
    within: str,
    detail: float | None,
    *,
    refresh: bool,
) -> Any:  # noqa: ANN401
    """Give the groups of the whole catalogue, kept; those of a search are made for the moment."""
    from catalog import group_store
    from catalog import groups as grouping
    from catalog.errors import OptionError

    if within:
        return grouping.make(session, within=within, detail=detail)
    made, is_new = grouping.load_or_make(session, detail=detail, refresh=refresh)
    if detail is not None and made.detail != detail:
        message = (
            f"the groups were made with --detail {made.detail:g}; "
            f"`kadr groups --refresh --detail {detail:g}` makes them anew"
        )
        raise OptionError(message)
    if is_new:
        with console.writing() as writing:
            group_store.save(writing, made)
    return made


def _others(session: Any, by: str, within: str) -> list[tuple[str, tuple[int, ...]]]:  # noqa: ANN401
    """Give groups of another kind, each with a name and its photos."""
    if by == "events":
        from catalog import events

        return [(each.name, each.photo_ids) for each in events.find_events(session, within=within)]
    from catalog import duplicates, hits, paths, settings, vector_index

    index = vector_index.open_index(session, settings.load().cache_dir)
    found = duplicates.find_alike(session, index, within=within)
    places = hits.find_paths(session, [each.photo_ids[0] for each in found])
    return [
        (paths.printable(paths.to_text(places.get(each.photo_ids[0], ""))), each.photo_ids)
        for each in found
    ]


def _other(session: Any, by: str, within: str, number: int) -> tuple[str, tuple[int, ...]]:  # noqa: ANN401
    from catalog.errors import NotFoundError

    found = _others(session, by, within)
    if not 0 < number <= len(found):
        raise NotFoundError(f"there is no group {number}; `kadr groups --by {by}` lists them")
    return found[number - 1]


def _print_other(by: str, within: str, min_size: int, limit: int, *, as_json: bool) -> None:
    with console.reading() as session:
        found = _others(session, by, within)
    large = [(n, *each) for n, each in enumerate(found, 1) if len(each[1]) >= min_size]
    shown = large[: limit or None]
    if as_json:
        groups = [{"number": n, "name": name, "photos": list(ids)} for n, name, ids in shown]
        console.print_json({"by": by, "total": len(large), "groups": groups})
        return
    from rich.markup import escape

    for number, name, ids in shown:
        console.out().print(f"{number:>5}  {len(ids):>6,}  {escape(name)}", soft_wrap=True)
    console.out().print(console.count_of(len(large), "group"))


def _table(groups: Any) -> Any:  # noqa: ANN401
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("group", justify="right")
    table.add_column("photos", justify="right")
    table.add_column("name")
    table.add_column("share")
    for each in groups:
        shares = ", ".join(f"{escape(tag.name)} [dim]{tag.share:.0%}[/]" for tag in each.tags)
        table.add_row(str(each.number), f"{each.photos:,}", escape(each.name), shares)
    return table


def _as_data(found: Any, shown: Any) -> dict[str, Any]:  # noqa: ANN401
    from dataclasses import asdict

    return {
        "photos": found.photos,
        "ungrouped": found.ungrouped,
        "detail": found.detail,
        "total": len(found.groups),
        "groups": [asdict(each) for each in shown],
    }
