"""How lists of photos and keywords are printed: tables, JSON, CSV, paths."""

import csv
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.orm import Session

from catalog import completion, console, hits, paths, query
from catalog.cursor import Place
from catalog.loaders import ThumbnailLoader

if TYPE_CHECKING:
    from catalog.similar import Match

#: Counted up to here under a table; `--count` counts all.
COUNT_CAP = 10_000
#: What ends a path in the formats that list nothing else.
PATH_ENDS = {"paths": "\n", "paths0": "\0"}
#: What people type for the operators, which are capitals so that no keyword is mistaken for one.
_OPERATORS = {
    "and": "AND, or nothing",
    "or": "OR",
    "not": "NOT",
    "&&": "AND, or nothing",
    "||": "OR",
}
_CSV = ("id", "path", "relevance", "state", "taken_at", "added_at", "camera", "format")
_CSV_ALL = (*_CSV, "width", "height", "keywords")


def choose_format(form: str, *, nul: bool, as_json: bool) -> str:
    """Give the format that options name together."""
    if nul:
        return "paths0"
    return "json" if as_json else form


def print_count(found: query.Prepared, *, as_json: bool) -> None:
    """Print how many photos a query finds."""
    number = found.count()
    if as_json:
        console.print_json({"query": found.text, "count": number})
    else:
        typer.echo(str(number))


def print_paths(found: query.Prepared, sort: str, limit: int | None, *, end: str) -> None:
    """Print where the photos lie, byte for byte, for another program to read."""
    write_paths(found.session, found.ids(sort=sort, limit=limit or None), end)


def write_paths(session: Session, ids: Sequence[int], end: str) -> None:
    """Write where photos lie, byte for byte, in their order."""
    found = hits.find_paths(session, ids)
    sys.stdout.flush()
    for photo_id in ids:
        if photo_id in found:
            sys.stdout.buffer.write(os.fsencode(found[photo_id]) + end.encode())
    sys.stdout.buffer.flush()


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
    #: Gives the small pictures of a table; None for a table without.
    thumbnails: ThumbnailLoader | None = None


def print_page(found: query.Prepared, options: PageOptions) -> None:
    """Print a page of results."""
    size = options.limit or found.count() + 1
    page = found.page(sort=options.sort, limit=size, after=options.after)
    folded = _fold(found.session, page) if options.is_folded else {}
    shown = [hit for hit in page.hits if not options.is_folded or hit.photo_id in folded]
    if options.form == "json":
        photos = [hit_data(hit) | _others(folded, hit) for hit in shown]
        data = {"query": found.text, "sort": options.sort, "photos": photos}
        console.print_json(data | {"next": page.next_cursor, "unknown": list(page.unknown)})
    elif options.form == "csv":
        _print_csv(shown)
    else:
        _print_table(found, replace(page, hits=tuple(shown)), options.thumbnails)


def _fold(session: Session, page: query.Page) -> dict[int, list[int]]:
    from catalog import duplicates, settings, vector_index

    index = vector_index.open_index(session, settings.load().cache_dir)
    return duplicates.fold(session, index, [hit.photo_id for hit in page.hits])


def _others(folded: dict[int, list[int]], hit: query.Hit) -> dict[str, Any]:
    return {"alike": folded[hit.photo_id]} if hit.photo_id in folded else {}


def print_matches(
    within: query.Prepared,
    found: "Sequence[Match]",
    form: str,
    thumbnails: ThumbnailLoader | None = None,
) -> None:
    """Print photos of a query that look alike, as a search prints its page."""
    session = within.session
    places = [Place(match.similarity, match.photo_id) for match in found]
    if form in PATH_ENDS:
        write_paths(session, [match.photo_id for match in found], PATH_ENDS[form])
        return
    shown = hits.load(session, places, least=within.least)
    if form == "json":
        console.print_json({"photos": [hit_data(hit) for hit in shown]})
    elif form == "csv":
        _print_csv(shown)
    elif shown:
        console.out().print(hit_table(shown, thumbnails))
    elif not print_unknown(within):
        console.out().print("no photo looks like it; --all shows the nearest")


def hit_data(hit: query.Hit) -> dict[str, Any]:
    """Give a photo of a list as JSON."""
    return {
        "id": hit.photo_id,
        "path": None if hit.path is None else str(hit.path),
        "relevance": hit.relevance,
        "state": hit.state.value,
        "taken_at": None if hit.taken_at is None else hit.taken_at.isoformat(),
        "added_at": hit.added_at.isoformat(),
        "camera": hit.camera,
        "format": hit.format,
        "width": hit.width,
        "height": hit.height,
        "keywords": [
            {"name": each.name, "confidence": each.confidence, "source": each.source.value}
            for each in hit.keywords
        ],
    }


def _print_csv(found: Iterable[query.Hit]) -> None:
    sys.stdout.reconfigure(errors="surrogateescape", newline="")  # type: ignore[union-attr]
    writer = csv.writer(sys.stdout)
    writer.writerow(_CSV_ALL)
    for hit in found:
        row = hit_data(hit) | {"keywords": "; ".join(each.name for each in hit.keywords)}
        writer.writerow(row[name] for name in _CSV_ALL)


def _print_table(
    found: query.Prepared, page: query.Page, thumbnails: ThumbnailLoader | None
) -> None:
    out = console.out()
    if page.hits:
        out.print(hit_table(page.hits, thumbnails))
    number = found.count(cap=COUNT_CAP + 1)
    total = (
        f"over {COUNT_CAP:,} photos" if number > COUNT_CAP else console.count_of(number, "photo")
    )
    shown = f"{len(page.hits):,} of {total}" if page.next_cursor else total
    out.print(f"{shown} found" if number else "no photo found")
    if page.next_cursor:
        out.print(f"next page: --after {page.next_cursor}", soft_wrap=True)
    print_unknown(found)


def print_unknown(found: query.Prepared) -> bool:
    """Say which words of a query are no keywords, and what may be meant; False without one."""
    unknown = found.unknown_words()
    _print_unknown(found.session, unknown)
    return bool(unknown)


def _print_unknown(session: Session, words: Iterable[str]) -> None:
    for word in words:
        meant = " or ".join(completion.suggest(session, word))
        more = f"; did you mean {meant}?" if meant else ""
        more = f"; to combine words write {_OPERATORS[word]}" if word in _OPERATORS else more
        console.out().print(f"there is no keyword {word!r}{more}", markup=False)


def print_facets(found: query.Prepared, *, as_json: bool) -> None:
    """Print what the photos of a query have in common."""
    facets = found.facets()
    if as_json:
        console.print_json({"query": found.text} | asdict(facets))
        return
    for name in ("keywords", "years", "cameras", "formats"):
        values = getattr(facets, name)
        shown = ", ".join(f"{escape(each.value)} [dim]{each.photos:,}[/]" for each in values)
        if shown:
            console.out().print(f"[bold]{name}[/]  {shown}")
    if not found.count(cap=1):
        console.out().print("no photo found")
    print_unknown(found)
    if not facets.is_exact:
        console.out().print("estimated from a sample")


def hit_table(found: Sequence[query.Hit], load_thumbnails: ThumbnailLoader | None = None) -> Table:
    """Give a table of photos, with a small picture of each where something loads them."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("id", justify="right")
    pictures = None if load_thumbnails is None else load_thumbnails([hit.path for hit in found])
    if pictures is not None:
        table.add_column()
    table.add_column("photo", overflow="fold", ratio=3)
    if is_rated := any(hit.relevance is not None for hit in found):
        table.add_column("fit", justify="right")
    table.add_column("taken", no_wrap=True)
    table.add_column("keywords", ratio=4)
    for place, hit in enumerate(found):
        photo_id, *rest = _row(hit, is_rated=is_rated)
        table.add_row(photo_id, *(pictures[place : place + 1] if pictures else ()), *rest)
    return table


def _row(hit: query.Hit, *, is_rated: bool) -> list[str]:
    path = "" if hit.path is None else paths.printable(paths.to_text(hit.path))
    fit = [] if not is_rated else ["" if hit.relevance is None else f"{hit.relevance:.2f}"]
    taken = "" if hit.taken_at is None else f"{hit.taken_at:%Y-%m-%d}"
    words = ", ".join(f"{escape(each.name)} [dim]{each.confidence:.2f}[/]" for each in hit.keywords)
    return [str(hit.photo_id), escape(path), *fit, taken, words or f"[dim]{hit.state.value}[/]"]


def print_tags(found: Sequence[query.TagCount], form: str) -> None:
    """Print keywords with their counts."""
    if form == "json":
        console.print_json([_tag_data(tag) for tag in found])
        return
    if form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(("name", "photos", "parent", "aliases"))
        writer.writerows((t.name, t.photos, t.parent or "", "; ".join(t.aliases)) for t in found)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("photos", justify="right")
    for name in ("keyword", "is a", "also"):
        table.add_column(name)
    for tag in found:
        cells = (tag.name, tag.parent or "", ", ".join(tag.aliases))
        table.add_row(f"{tag.photos:,}", *(escape(cell) for cell in cells))
    console.out().print(table if found else "no keyword begins so")


def _tag_data(tag: query.TagCount) -> dict[str, Any]:
    return {
        "name": tag.name,
        "photos": tag.photos,
        "parent": tag.parent,
        "aliases": list(tag.aliases),
    }
