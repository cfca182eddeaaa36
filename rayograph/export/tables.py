"""CSV, JSON lines and Parquet: one file, a row an image, failed ones with their reason."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from rayograph.export.plain import flat, to_json, unpacked
from rayograph.export.rows import Rows
from rayograph.export.staging import Staging

# A row group is held in memory until it is written.
_GROUP_ROWS = 65_536


def write_csv(rows: Rows, sink: IO[bytes]) -> Iterator[pa.Table]:
    """Tags, boxes and vectors as JSON; what is not known is empty."""
    schema = flat(rows.schema.empty_table()).schema
    with pa_csv.CSVWriter(sink, schema) as writer:
        for table in rows.tables():
            writer.write_table(flat(table))
            yield table


def write_jsonl(rows: Rows, sink: IO[bytes]) -> Iterator[pa.Table]:
    for table in rows.tables():
        lines = (to_json(unpacked(record)) + "\n" for record in table.to_pylist())
        sink.write("".join(lines).encode("utf-8", "replace"))
        yield table


def write_parquet(rows: Rows, sink: IO[bytes]) -> Iterator[pa.Table]:
    about = {"dataset_id": rows.dataset.dataset_id, "name": rows.dataset.name}
    schema = rows.schema.with_metadata({b"rayograph": json.dumps(about).encode()})
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        held: list[pa.Table] = []
        for table in rows.tables():
            held.append(table)
            if sum(part.num_rows for part in held) >= _GROUP_ROWS:
                writer.write_table(pa.concat_tables(held).cast(schema))
                held = []
            yield table
        if held:
            writer.write_table(pa.concat_tables(held).cast(schema))


WRITERS = {"csv": write_csv, "jsonl": write_jsonl, "parquet": write_parquet}


def write_table(form: str, rows: Rows, staging: Staging, name: str) -> None:
    """The whole export as one file."""
    with staging.open(f"{name}.{form}") as file:
        written = 0
        for table in WRITERS[form](rows, file):
            staging.tally.failed += failed_in(table)
            at = file.tell()
            staging.step(table.num_rows, at - written)
            written = at


def failed_in(table: pa.Table) -> int:
    return int(pc.sum(pc.equal(table["status"], "failed")).as_py() or 0)


class Pipe(io.RawIOBase):
    """A pipe that knows how much went into it, as Parquet needs to."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink, self._at = sink, 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:
        self._sink.write(data)
        self._at += len(data)
        return len(data)

    def flush(self) -> None:
        if not self.closed:
            self._sink.flush()
