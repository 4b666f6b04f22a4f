"""How photos are printed in lists: the parts that `search`, `similar`, `group` and `demo` share."""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table
from sqlalchemy.orm import Session

from catalog import paths, query
from catalog.cli import console
from catalog.cli.options import ThumbnailLoader
from catalog.query import hits
from catalog.tags import completion

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
    """Return the format that the options name together."""
    if nul:
        return "paths0"
    return "json" if as_json else form


def write_paths(session: Session, ids: Sequence[int], end: str) -> None:
    """Write the paths of photos in their order: byte for byte, but quoted to a terminal."""
    is_shown = sys.stdout.isatty() and end == PATH_ENDS["paths"]
    found = hits.find_paths(session, ids)
    sys.stdout.flush()
    for photo_id in ids:
        if photo_id in found:
            path = str(found[photo_id])
            content = console.quoted(path).encode() if is_shown else os.fsencode(path)
            sys.stdout.buffer.write(content + end.encode())
    sys.stdout.buffer.flush()


def hit_data(hit: query.Hit) -> dict[str, Any]:
    """Return a photo of a list as JSON data."""
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


def print_csv(found: Iterable[query.Hit]) -> None:
    """Print photos as CSV; a path that is not UTF-8 keeps its bytes."""

    def row_of(hit: query.Hit) -> list[object]:
        row = hit_data(hit) | {"keywords": "; ".join(each.name for each in hit.keywords)}
        return [row[name] for name in _CSV_ALL]

    console.write_csv(_CSV_ALL, map(row_of, found))


def print_unknown(found: query.Prepared) -> bool:
    """Print which words of a query are not keywords; return whether there are any."""
    unknown = found.unknown_words()
    if phrases := completion.find_phrases(found.session, found.text, unknown):
        for phrase in phrases:
            quoted = f"'\"{phrase}\"'" if "'" not in phrase else f'"\\"{phrase}\\""'
            line = f"{phrase!r} is one keyword: keep its quotation marks from the shell, {quoted}"
            console.out().print(line, markup=False)
        return True
    for word in unknown:
        meant = " or ".join(completion.suggest(found.session, word))
        more = f"; did you mean {meant}?" if meant else ""
        more = f"; to combine words write {_OPERATORS[word]}" if word in _OPERATORS else more
        console.out().print(f"there is no keyword {word!r}{more}", markup=False)
    return bool(unknown)


def hit_table(found: Sequence[query.Hit], load_thumbnails: ThumbnailLoader | None = None) -> Table:
    """Return a table of photos, with a small picture of each if a loader is given."""
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
    path = "" if hit.path is None else console.safe(paths.to_text(hit.path))
    fit = [] if not is_rated else ["" if hit.relevance is None else f"{hit.relevance:.2f}"]
    taken = "" if hit.taken_at is None else f"{hit.taken_at:%Y-%m-%d}"
    words = ", ".join(
        f"{console.safe(each.name)} [dim]{each.confidence:.2f}[/]" for each in hit.keywords
    )
    return [str(hit.photo_id), path, *fit, taken, words or f"[dim]{hit.state.value}[/]"]
