"""Writes an export as Parquet, with pyarrow: the extra `parquet` of Kadr.

`formats` imports it when Parquet is asked for.
"""

from typing import Any, BinaryIO

from catalog import paths
from catalog.db import sql
from catalog.errors import MissingExtraError
from catalog.export import formats, photos
from catalog.query.run import Prepared

try:
    import pyarrow as pa
    from pyarrow import parquet as pq
except ImportError as error:
    raise MissingExtraError(
        "Parquet needs pyarrow, which is not installed; run `pip install 'kadr[parquet]'`, "
        "or use --format jsonl"
    ) from error

#: Photos of one row group.
_GROUP = 20_000


def write(ready: Prepared, stream: BinaryIO) -> int:
    """Write the photos that a query finds as one Parquet file; return how many they are."""
    schema, written = _schema(), 0
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for chunk in sql.chunks(photos.stream(ready), _GROUP):
            rows = [_row(exported) for exported in chunk]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            written += len(rows)
    return written


def _row(exported: photos.ExportedPhoto) -> dict[str, Any]:
    """Return a photo's values; Parquet's text is UTF-8, so other bytes of a path become U+FFFD."""
    photo = exported.photo
    shown = [paths.printable(paths.to_text(path)) for path in exported.files]
    row = formats.as_data(exported) | {"path": shown[0] if shown else None, "paths": shown}
    return row | {name: getattr(photo, name) for name in ("taken_at", "added_at", "tagged_at")}


def _schema() -> Any:  # noqa: ANN401 - pyarrow has no types
    text, number = pa.string(), pa.int64()
    at = pa.timestamp("us", tz="UTC")
    keyword = pa.struct(
        [
            ("name", text),
            ("path", pa.list_(text)),
            ("confidence", pa.float32()),
            ("source", text),
            ("decision", text),
        ]
    )
    return pa.schema(
        [
            ("id", number),
            ("path", text),
            ("paths", pa.list_(text)),
            ("sha256", text),
            ("state", text),
            ("taken_at", pa.timestamp("us")),
            ("taken_precision", text),
            ("added_at", at),
            ("tagged_at", at),
            ("camera", text),
            ("format", text),
            ("width", number),
            ("height", number),
            ("size_bytes", number),
            ("latitude", pa.float64()),
            ("longitude", pa.float64()),
            ("keywords", pa.list_(keyword)),
            ("rejected", pa.list_(text)),
        ]
    )
