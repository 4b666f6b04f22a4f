"""`kadr groups`: photos that share keywords, belong to one occasion or look alike, by groups."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from catalog import query
from catalog.cli import catalogue, console, listing, options
from catalog.groups import kinds
from catalog.groups.keyword_groups import Group, Grouping
from catalog.groups.kinds import OtherKind

Detail = Annotated[
    float | None,
    typer.Option(min=0.0, max=1.0, help="More, smaller groups the higher it is; 0.25 if not said."),
]
By = Annotated[
    Literal["tags", "events", "alike"],
    typer.Option(help="Shared keywords, occasions, or near duplicates and bursts."),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=0, help="Lines at most; 0: all.")]

app = typer.Typer(add_completion=False)


@app.command()
def groups(
    *,
    by: By = "tags",
    within: options.Within = "",
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
    with catalogue.reading() as session:
        found = kinds.find_keyword_groups(
            session, within=within, min_size=min_size, detail=detail, refresh=refresh
        )
        if not as_json:
            listing.print_unknown(query.prepare(session, within))
    shown = found.groups[: limit or None]
    if as_json:
        console.print_json(_as_data(found, shown))
        return
    console.out().print(_table(shown))
    total = console.count_of(found.photos, "photo")
    console.out().print(
        f"{console.count_of(len(found.groups), 'group')} of {total}, {found.ungrouped:,} ungrouped"
    )


def _print_others(
    kind: OtherKind, within: str, min_size: int | None, limit: int, *, as_json: bool
) -> None:
    with catalogue.reading() as session:
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
        line = f"{each.number:>5}  {len(each.photo_ids):>6,}  {console.safe(each.name)}"
        console.out().print(line, soft_wrap=True)
    console.out().print(console.count_of(len(found), "group"))


def _table(found: Sequence[Group]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("group", justify="right")
    table.add_column("photos", justify="right")
    table.add_column("name")
    table.add_column("share")
    for each in found:
        shares = ", ".join(f"{console.safe(tag.name)} [dim]{tag.share:.0%}[/]" for tag in each.tags)
        table.add_row(str(each.number), f"{each.photos:,}", console.safe(each.name), shares)
    return table


def _as_data(found: Grouping, shown: Sequence[Group]) -> dict[str, Any]:
    return {
        "photos": found.photos,
        "ungrouped": found.ungrouped,
        "detail": found.detail,
        "total": len(found.groups),
        "groups": [asdict(each) for each in shown],
    }
