"""`kadr show`: all that is known of a photo, as tables or as JSON."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from catalog import paths, query
from catalog.cli import catalogue, console, options
from catalog.db.tables import Photo
from catalog.query import PhotoDetail
from catalog.query.photo import FileDetail, KeywordDetail, SidecarDetail, TaggerDetail
from catalog.said import KNOWN_CHARS
from catalog.tags import threshold

app = typer.Typer(add_completion=False)


@app.command()
def show(
    photos: options.Paths,
    *,
    show_all: Annotated[
        bool, typer.Option("--all", help="Also keywords below KADR_MIN_CONFIDENCE.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show all that is known of a photo: keywords and where they came from, places, history."""
    least = 0.0 if show_all else threshold.choose()
    with catalogue.reading() as session:
        found = [query.get_photo(session, each) for each in console.read_arguments(photos)]
    if as_json:
        console.print_json([_as_data(each) for each in found])
        return
    for each in found:
        _print(each, console.out(), least=least)


def _print(detail: PhotoDetail, out: Console, *, least: float = 0.0) -> None:
    for part in (_facts(detail), _keywords(detail, least), _taggers(detail), _history(detail)):
        if part.row_count:
            out.print(part)
            out.print()


def _as_data(detail: PhotoDetail) -> dict[str, Any]:
    photo = detail.photo
    return {
        "id": photo.id,
        "sha256": photo.sha256.hex(),
        "state": photo.state.value,
        "failure": photo.failure,
        "attempts": photo.attempts,
        "format": photo.format,
        "width": photo.width,
        "height": photo.height,
        "size_bytes": photo.size_bytes,
        "taken_at": None if photo.taken_at is None else photo.taken_at.isoformat(),
        "taken_precision": photo.taken_precision,
        "taken_offset_minutes": photo.taken_offset_minutes,
        "camera": photo.camera,
        "latitude": photo.latitude,
        "longitude": photo.longitude,
        "truncated_rows": photo.truncated_rows,
        "superseded_by": photo.superseded_by_id,
        "fact_sources": photo.fact_sources or {},
        "added_at": photo.added_at.isoformat(),
        "tagged_at": None if photo.tagged_at is None else photo.tagged_at.isoformat(),
        "files": [_file_data(file) for file in detail.files],
        "sidecars": [_sidecar_data(sidecar) for sidecar in detail.sidecars],
        "keywords": [_keyword_data(keyword) for keyword in detail.keywords],
        "taggers": [_tagger_data(tagger) for tagger in detail.taggers],
        "history": [
            {"at": event.at.isoformat(), "kind": event.kind, "detail": event.detail}
            for event in detail.history
        ],
    }


def _file_data(file: FileDetail) -> dict[str, Any]:
    missing = file.missing_since
    return {
        "path": str(file.path),
        "size_bytes": file.size_bytes,
        "missing_since": None if missing is None else missing.isoformat(),
    }


def _sidecar_data(sidecar: SidecarDetail) -> dict[str, Any]:
    return {
        "path": str(sidecar.path),
        "state": sidecar.state.value,
        "failure": sidecar.failure,
        "withdrawn": list(sidecar.withdrawn),
    }


def _keyword_data(keyword: KeywordDetail) -> dict[str, Any]:
    return {
        "name": keyword.name,
        "confidence": keyword.confidence,
        "score": keyword.score,
        "similarity": keyword.similarity,
        "source": keyword.source.value,
        "decision": None if keyword.decision is None else keyword.decision.value,
        "tagger": keyword.tagger_id,
    }


def _tagger_data(tagger: TaggerDetail) -> dict[str, Any]:
    return {
        "id": tagger.id,
        "model": tagger.model,
        "model_digest": tagger.model_digest,
        "vocabulary": tagger.vocabulary,
        "prompts": list(tagger.prompts),
        "scoring": tagger.scoring,
    }


def _facts(detail: PhotoDetail) -> Table:
    photo, table = detail.photo, _grid()
    table.add_row("photo", f"{photo.id}")
    for file in detail.files:
        gone = "" if file.missing_since is None else f" (gone since {file.missing_since:%Y-%m-%d})"
        table.add_row("file", console.safe(paths.to_text(file.path)) + gone)
    size = f"{photo.size_bytes / 1e6:.2f} MB"
    pixels = f"{photo.width} x {photo.height}, " if photo.width else ""
    table.add_row("image", f"{photo.format + ', ' if photo.format else ''}{pixels}{size}")
    for sidecar in detail.sidecars:
        table.add_row("sidecar", console.safe(paths.to_text(sidecar.path)))
        if sidecar.failure:
            table.add_row("", console.safe(sidecar.failure))
        if sidecar.withdrawn:
            table.add_row("withdrawn", console.safe(", ".join(sidecar.withdrawn)))
    if photo.taken_at is not None:
        table.add_row("taken", _taken(photo) + _source(photo, "taken_at"))
    if photo.camera:
        table.add_row("camera", console.safe(photo.camera) + _source(photo, "camera"))
    if photo.latitude is not None and photo.longitude is not None:
        place = f"{photo.latitude:.5f}, {photo.longitude:.5f}"
        table.add_row("position", place + _source(photo, "latitude"))
    _add_state(table, photo)
    return table


def _add_state(table: Table, photo: Photo) -> None:
    """Add what is wrong with a photo, and where it stands."""
    if photo.truncated_rows:
        table.add_row("cut off", f"{photo.truncated_rows:,} rows of pixels are lost")
    table.add_row("state", photo.state.value)
    if photo.superseded_by_id is not None:
        table.add_row("superseded", f"by photo {photo.superseded_by_id}, which has its decisions")
    if photo.failure:
        table.add_row("reason", console.safe(photo.failure))


def _taken(photo: Photo) -> str:
    """Return the date as far as it is known, with the zone of the camera's clock."""
    at, precision = photo.taken_at, photo.taken_precision
    if at is None:
        return ""
    if precision in KNOWN_CHARS:
        return at.isoformat()[: KNOWN_CHARS[precision]]
    minutes = photo.taken_offset_minutes
    if minutes is None:
        return f"{at:%Y-%m-%d %H:%M:%S}"
    hours, rest = divmod(abs(minutes), 60)
    return f"{at:%Y-%m-%d %H:%M:%S} {'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def _source(photo: Photo, fact: str) -> str:
    source = (photo.fact_sources or {}).get(fact)
    return f"  [dim]({console.safe(source)})[/]" if source else ""


def _keywords(detail: PhotoDetail, least: float) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("keyword")
    for name in ("confidence", "score", "similarity"):
        table.add_column(name, justify="right")
    for name in ("from", "decision", "tagger"):
        table.add_column(name)
    for keyword in detail.keywords:
        if keyword.confidence < least and keyword.decision is None:
            continue
        table.add_row(
            console.safe(keyword.name),
            f"{keyword.confidence:.3f}",
            _number(keyword.score),
            _number(keyword.similarity),
            keyword.source.value,
            keyword.decision.value if keyword.decision else "",
            "" if keyword.tagger_id is None else str(keyword.tagger_id),
        )
    return table


def _taggers(detail: PhotoDetail) -> Table:
    table = _grid()
    for tagger in detail.taggers:
        table.add_row(
            f"tagger {tagger.id}", f"{console.safe(tagger.model)} ({tagger.model_digest[:12]})"
        )
        table.add_row("vocabulary", console.safe(tagger.vocabulary))
        table.add_row("prompts", console.safe("; ".join(tagger.prompts)))
        settings = ", ".join(f"{name}={value}" for name, value in sorted(tagger.scoring.items()))
        table.add_row("scoring", console.safe(settings or "defaults"))
    return table


def _history(detail: PhotoDetail) -> Table:
    table = _grid()
    for event in detail.history:
        table.add_row(
            f"{event.at.astimezone():%Y-%m-%d %H:%M:%S}",
            event.kind,
            console.safe(_event_detail(event.detail or {})),
        )
    return table


def _event_detail(detail: Mapping[str, Any]) -> str:
    """Return what an event says as a person reads it: `add: Mimi`, `added: dog, cat`."""
    if isinstance(detail.get("keywords"), list):  # of an inheritance it is their number
        words = ", ".join(str(each.get("word", "")) for each in detail["keywords"])
        return f"{detail.get('action', 'keywords')}: {words}"
    parts = {name: value for name, value in detail.items() if name not in {"change", "turn"}}
    return "; ".join(
        f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in parts.items()
    )


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
