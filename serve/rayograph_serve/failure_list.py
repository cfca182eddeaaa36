"""The list of failed images as a file, made row batch by row batch while it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from rayograph.catalog import DatasetReader
from rayograph.catalog.filters import Filter

Form = Literal["csv", "json", "parquet"]
MEDIA_TYPES: dict[Form, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
LIST = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("folder", pa.string()),
        pa.field("file_name", pa.string()),
        pa.field("size", pa.int64()),
        pa.field("error_code", pa.string()),
        pa.field("error", pa.string()),
    ]
)
_BATCH_ROWS = 8192


class _Pieces:
    """A file whose bytes are taken away as they are written."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None: ...

    def take(self) -> bytes:
        found = b"".join(self._pieces)
        self._pieces.clear()
        return found


def batches(reader: DatasetReader, chosen: Filter) -> Iterator[pa.RecordBatch]:
    """The failed images that a filter picks, of the snapshot there is now."""
    snapshot = reader.snapshot()
    seen = reader.space.seen(snapshot.schema.names)
    plain = LIST.names[:5]
    pairs = [("meta_error_code", "embed_error_code"), ("meta_error", "embed_error")]
    errors = [[seen[name] for name in pair if name in seen] for pair in pairs]
    scan = snapshot.scanner(
        columns=[*plain, *errors[0], *errors[1]],
        filter=chosen.sql(snapshot),
        batch_size=_BATCH_ROWS,
    )

    def read() -> Iterator[pa.RecordBatch]:
        for batch in scan.to_batches():
            merged = [pc.coalesce(*(batch[name] for name in names)) for names in errors]
            arrays = [*(batch[name] for name in plain), *merged]
            yield pa.RecordBatch.from_arrays(arrays, schema=LIST)

    return read()


def encoded(rows: Iterator[pa.RecordBatch], form: Form) -> Iterator[bytes]:
    """The bytes of a whole file, a batch at a time."""
    if form == "json":
        yield from _json(rows)
        return
    pieces = _Pieces()
    sink = pa.PythonFile(pieces, mode="w")
    kind = pacsv.CSVWriter if form == "csv" else pq.ParquetWriter
    with kind(sink, LIST) as writer:
        for batch in rows:
            writer.write_batch(batch)
            yield pieces.take()
    yield pieces.take()


def _json(rows: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    before = "[\n"
    for batch in rows:
        texts = [json.dumps(row, ensure_ascii=False) for row in batch.to_pylist()]
        if texts:
            yield (before + ",\n".join(texts)).encode("utf-8", "replace")
            before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"
