"""`kadr groups` and `kadr group N`: groups of photos, as a table or JSON."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from catalog.cli import console, options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from catalog.groups.keyword_groups import Group, Grouping
    from catalog.groups.kinds import OtherKind

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
    limit: Limit = options.PAGE,
    as_json: options.AsJson = False,
) -> None:
    """List groups of photos that share keywords; new photos join the groups there are."""
    if by != "tags":
        _print_others(by, within, min_size, limit, as_json=as_json)
        return
    from catalog.cli import listing
    from catalog.groups import kinds

    with console.reading() as session:
        found = kinds.find_keyword_groups(
            session, within=within, min_size=min_size, detail=detail, refresh=refresh
        )
        if not as_json:
            listing.print_unknown(session, within)
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
    limit: Limit = options.PAGE,
    as_json: options.AsJson = False,
    thumbnails: options.Thumbnails = False,
) -> None:
    """List the photos of a group, those that it fits best first."""
    from catalog.cli import listing
    from catalog.groups import kinds
    from catalog.query import hits
    from catalog.query.pages import Position

    with console.reading() as session:
        chosen = kinds.get_group(session, number, kind=by, within=within, detail=detail)
        pairs = list(zip(chosen.shares, chosen.photo_ids, strict=True))[: limit or None]
        found = hits.load(session, [Position(share, photo_id) for share, photo_id in pairs])
    name, size = chosen.name, len(chosen.photo_ids)
    if as_json:
        photos = [listing.hit_data(hit) for hit in found]
        console.print_json({"number": number, "name": name, "size": size, "photos": photos})
        return
    console.out().print(f"[bold]{number}[/] {name}: {console.count_of(size, 'photo')}")
    pictures = options.of(ctx).thumbnails_if(wanted=thumbnails)
    console.out().print(listing.hit_table(found, pictures))


def _print_others(
    kind: "OtherKind", within: str, min_size: int | None, limit: int, *, as_json: bool
) -> None:
    from rich.markup import escape

    from catalog.groups import kinds

    with console.reading() as session:
        found = kinds.find_others(session, kind, within=within, min_size=min_size)
    shown = found[: limit or None]
    if as_json:
        data = [
            {"number": each.number, "name": each.name, "photos": list(each.photo_ids)}
            for each in shown
        ]
        console.print_json({"by": kind, "total": len(found), "groups": data})
        return
    for each in shown:
        line = f"{each.number:>5}  {len(each.photo_ids):>6,}  {escape(each.name)}"
        console.out().print(line, soft_wrap=True)
    console.out().print(console.count_of(len(found), "group"))


def _table(groups: "Sequence[Group]") -> "Table":
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


def _as_data(found: "Grouping", shown: "Sequence[Group]") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "photos": found.photos,
        "ungrouped": found.ungrouped,
        "detail": found.detail,
        "total": len(found.groups),
        "groups": [asdict(each) for each in shown],
    }
