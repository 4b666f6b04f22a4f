"""Writes an export: JSON lines, CSV, ExifTool's CSV, Lightroom's keyword list, Parquet.

`kadr export` calls it; other programs may, with any binary stream.
"""

import csv
import enum
import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from catalog.export import keyword_list, photos
from catalog.export.photos import ExportedPhoto
from catalog.query.run import Prepared

#: Between the items of a list in ExifTool's CSV: `exiftool -csv=FILE -sep ';;'`. No keyword that a
#: person writes has two semicolons; one that has them is left out.
LIST_SEPARATOR = ";;"

_CSV_COLUMNS: tuple[str, ...] = (
    *("id", "path", "sha256", "state", "taken_at", "taken_precision", "added_at", "tagged_at"),
    *("camera", "format", "width", "height", "size_bytes", "latitude", "longitude"),
    *("keywords", "rejected"),
)
_EXIFTOOL_COLUMNS = ("SourceFile", "Subject", "HierarchicalSubject", "TagsList")


class Format(enum.StrEnum):
    """What an export is written as."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    LIGHTROOM_KEYWORDS = "lightroom-keywords"
    EXIFTOOL_CSV = "exiftool-csv"


def write(ready: Prepared, form: Format, stream: BinaryIO) -> int:
    """Write the photos that a query finds, or their keywords; return how many were written.

    Raises:
        MissingExtraError: Parquet was asked for, and pyarrow is not installed.
    """
    match form:
        case Format.JSONL:
            return _write_lines(_json_lines(ready), stream)
        case Format.CSV:
            return _write_lines(_csv_lines(ready), stream) - 1
        case Format.EXIFTOOL_CSV:
            return _write_lines(_exiftool_lines(ready), stream) - 1
        case Format.LIGHTROOM_KEYWORDS:
            return _write_lines(keyword_list.lines(ready), stream)
        case Format.PARQUET:
            from catalog.export import parquet  # noqa: PLC0415 - pyarrow is an extra

            return parquet.write(ready, stream)


def as_data(exported: ExportedPhoto) -> dict[str, Any]:
    """Return a photo as a line of JSON has it."""
    photo = exported.photo
    return {
        "id": photo.id,
        "path": str(exported.files[0]) if exported.files else None,
        "paths": [str(path) for path in exported.files],
        "sha256": photo.sha256.hex(),
        "state": photo.state.value,
        "taken_at": None if photo.taken_at is None else photo.taken_at.isoformat(),
        "taken_precision": None if photo.taken_precision is None else photo.taken_precision.value,
        "added_at": photo.added_at.isoformat(),
        "tagged_at": None if photo.tagged_at is None else photo.tagged_at.isoformat(),
        "camera": photo.camera,
        "format": photo.format,
        "width": photo.width,
        "height": photo.height,
        "size_bytes": photo.size_bytes,
        "latitude": photo.latitude,
        "longitude": photo.longitude,
        "keywords": [
            {
                "name": each.name,
                "path": list(each.path),
                "confidence": each.confidence,
                "source": each.source.value,
                "decision": None if each.decision is None else each.decision.value,
            }
            for each in exported.keywords
        ],
        "rejected": list(exported.rejected),
    }


def _write_lines(lines: Iterator[str], stream: BinaryIO) -> int:
    """Write text as UTF-8; a path that is not keeps its bytes."""
    number = 0
    for number, line in enumerate(lines, start=1):  # noqa: B007 - the last number is the result
        stream.write(line.encode("utf-8", "surrogateescape"))
    return number


def _json_lines(ready: Prepared) -> Iterator[str]:
    for exported in photos.stream(ready):
        data = as_data(exported)
        text = json.dumps(data, ensure_ascii=False)
        # JSON is UTF-8: a path that is not must be escaped, and keeps its bytes as surrogates.
        yield (text if text.isascii() or _is_utf8(text) else json.dumps(data)) + "\n"


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _csv_lines(ready: Prepared) -> Iterator[str]:
    yield _csv_line(_CSV_COLUMNS)
    for exported in photos.stream(ready):
        row = as_data(exported)
        row["keywords"] = "; ".join(each.name for each in exported.keywords)
        row["rejected"] = "; ".join(exported.rejected)
        yield _csv_line(tuple(row[name] for name in _CSV_COLUMNS))


def _exiftool_lines(ready: Prepared) -> Iterator[str]:
    """Yield a line for each file, as each carries its own metadata."""
    yield _csv_line(_EXIFTOOL_COLUMNS)
    for exported in photos.stream(ready):
        words = [each.path for each in exported.keywords if LIST_SEPARATOR not in each.name]
        if not words:
            continue
        fields = (
            LIST_SEPARATOR.join(path[-1] for path in words),
            LIST_SEPARATOR.join(_joined(words, "|")),
            LIST_SEPARATOR.join(_joined(words, "/")),
        )
        for file in exported.files:
            yield _csv_line((str(file), *fields))


def _joined(words: list[tuple[str, ...]], separator: str) -> list[str]:
    """Return the paths of keywords, without those in which a word contains the separator."""
    return [
        separator.join(path)
        for path in words
        if not any(separator in part or LIST_SEPARATOR in part for part in path)
    ]


def _csv_line(values: tuple[object, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()
