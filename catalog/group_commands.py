"""`kadr groups` and `kadr group N`: photos that share keywords."""

from typing import Annotated, Any

import typer

from catalog import console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Within = Annotated[
    str, typer.Option("--within", "-w", metavar="QUERY", help="Only photos that a query finds.")
]
Detail = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, help="More, smaller groups the higher it is; 0.25 if not said."),
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
    within: Within = "",
    min_size: Annotated[int, typer.Option(min=1, help="Photos that make a group.")] = 3,
    detail: Detail = None,
    refresh: Annotated[bool, typer.Option(help="Make the groups anew, with new names.")] = False,
    limit: Limit = PAGE,
    as_json: AsJson = False,
) -> None:
    """List groups of photos that share keywords; new photos join the groups there are."""
    from catalog import groups as grouping

    catalogue = console.open_catalogue()
    with catalogue.read() as session:
        made = _definitions(catalogue, session, within, detail, refresh=refresh)
        found = grouping.find_groups(session, made, within=within, min_size=min_size)
    catalogue.close()
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
    number: Annotated[int, typer.Argument(help="A group's number, as `kadr groups` lists it.")],
    *,
    within: Within = "",
    detail: Detail = None,
    limit: Limit = PAGE,
    as_json: AsJson = False,
) -> None:
    """List the photos of a group, those that it fits best first."""
    from catalog import groups as grouping
    from catalog import hits, output
    from catalog.cursor import Place

    catalogue = console.open_catalogue()
    with catalogue.read() as session:
        made = _definitions(catalogue, session, within, detail, refresh=False)
        pairs = grouping.find_photos(session, made, number, within=within)
        places = [Place(share, photo_id) for photo_id, share in pairs[: limit or None]]
        found = hits.load(session, places)
    catalogue.close()
    name = next((each.name for each in made.groups if each.number == number), "")
    if as_json:
        photos = [output.hit_data(hit) for hit in found]
        console.print_json({"number": number, "name": name, "size": len(pairs), "photos": photos})
        return
    console.out().print(f"[bold]{number}[/] {name}: {console.count_of(len(pairs), 'photo')}")
    console.out().print(output.hit_table(found))


def _definitions(
    catalogue: Any,  # noqa: ANN401 - the type lives in what is imported late
    session: Any,  # noqa: ANN401
    within: str,
    detail: float | None,
    *,
    refresh: bool,
) -> Any:  # noqa: ANN401
    """Give the groups of the whole catalogue, kept; those of a search are made for the moment."""
    from catalog import group_store
    from catalog import groups as grouping
    from catalog.errors import CatalogError

    if within:
        return grouping.make(session, within=within, detail=detail)
    made, is_new = grouping.load_or_make(session, detail=detail, refresh=refresh)
    if detail is not None and made.detail != detail:
        message = (
            f"the groups were made with --detail {made.detail:g}; "
            f"`kadr groups --refresh --detail {detail:g}` makes them anew"
        )
        raise CatalogError(message)
    if is_new:
        with catalogue.write() as writing:
            group_store.save(writing, made)
    return made


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
