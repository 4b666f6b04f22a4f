"""`kadr groups`: photos that share keywords, belong to one occasion or look alike, by groups."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from catalog import paths, query, settings
from catalog.cli import catalogue, console, listing, options
from catalog.errors import NotFoundError, OptionError
from catalog.groups import alike, keyword_groups, occasions, store
from catalog.groups.keyword_groups import Group, Grouping
from catalog.groups.store import Definitions
from catalog.query import hits
from catalog.similar import vector_file

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
        _print_other(by, within, min_size or (2 if by == "alike" else 3), limit, as_json=as_json)
        return
    with catalogue.reading() as session:
        made = definitions(session, within, detail, refresh=refresh)
        smallest = keyword_groups.MIN_SIZE if min_size is None else min_size
        found = keyword_groups.find_groups(session, made, within=within, min_size=smallest)
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


def definitions(
    session: Session, within: str, detail: float | None, *, refresh: bool
) -> Definitions:
    """Return the stored groups of the catalogue, made if there are none, or those of a query.

    Raises:
        OptionError: the stored groups were made with another `detail`.
    """
    if within:
        return keyword_groups.make(session, within=within, detail=detail)
    made, is_new = keyword_groups.load_or_make(session, detail=detail, refresh=refresh)
    if detail is not None and made.detail != detail:
        message = (
            f"the groups were made with --detail {made.detail:g}; "
            f"`kadr groups --refresh --detail {detail:g}` makes them anew"
        )
        raise OptionError(message)
    if is_new:
        with catalogue.writing() as writing:
            store.save(writing, made)
    return made


def find_other(session: Session, by: str, within: str, number: int) -> tuple[str, tuple[int, ...]]:
    """Return the name and the photos of a group of occasions or of photos that look alike.

    Raises:
        NotFoundError: there is no group of this number.
    """
    found = _others(session, by, within)
    if not 0 < number <= len(found):
        raise NotFoundError(f"there is no group {number}; `kadr groups --by {by}` lists them")
    return found[number - 1]


def _others(session: Session, by: str, within: str) -> list[tuple[str, tuple[int, ...]]]:
    """Return the groups of another kind, each with a name and its photos."""
    if by == "events":
        return [
            (each.name, each.photo_ids) for each in occasions.find_events(session, within=within)
        ]
    index = vector_file.open_index(session, settings.load().cache_dir)
    found = alike.find_alike(session, index, within=within)
    places = hits.find_paths(session, [each.photo_ids[0] for each in found])
    return [
        (paths.printable(paths.to_text(places.get(each.photo_ids[0], ""))), each.photo_ids)
        for each in found
    ]


def _print_other(by: str, within: str, min_size: int, limit: int, *, as_json: bool) -> None:
    with catalogue.reading() as session:
        found = _others(session, by, within)
    large = [(n, *each) for n, each in enumerate(found, 1) if len(each[1]) >= min_size]
    shown = large[: limit or None]
    if as_json:
        groups = [{"number": n, "name": name, "photos": list(ids)} for n, name, ids in shown]
        console.print_json({"by": by, "total": len(large), "groups": groups})
        return
    for number, name, ids in shown:
        console.out().print(f"{number:>5}  {len(ids):>6,}  {escape(name)}", soft_wrap=True)
    console.out().print(console.count_of(len(large), "group"))


def _table(found: Sequence[Group]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("group", justify="right")
    table.add_column("photos", justify="right")
    table.add_column("name")
    table.add_column("share")
    for each in found:
        shares = ", ".join(f"{escape(tag.name)} [dim]{tag.share:.0%}[/]" for tag in each.tags)
        table.add_row(str(each.number), f"{each.photos:,}", escape(each.name), shares)
    return table


def _as_data(found: Grouping, shown: Sequence[Group]) -> dict[str, Any]:
    return {
        "photos": found.photos,
        "ungrouped": found.ungrouped,
        "detail": found.detail,
        "total": len(found.groups),
        "groups": [asdict(each) for each in shown],
    }
