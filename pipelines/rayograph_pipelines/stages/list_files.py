"""List: names of files become rows with id, uri, size and mtime. No file is opened."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa

from rayograph.listing import Chunk, rows


@dataclass(frozen=True, slots=True)
class ListFilesConfig:
    """Which dataset the rows are for; ``root`` is what folders are shown relative to.

    Args:
        with_ids: whether rows get their ids here: not where most are known to have one.
    """

    dataset_id: str
    root: str
    with_ids: bool = True


class ListFiles:
    """Turns packed chunks of names into listing rows; ``skipped`` rides on a row of its own."""

    reads = ("chunk",)
    adds = ("id", "uri", "file_name", "folder", "size", "mtime", "etag", "skipped")

    def __init__(self, config: ListFilesConfig) -> None:
        self.config = config

    def __call__(self, batch: pa.Table) -> pa.Table:
        tables = [self.rows(unpack(text)) for text in batch["chunk"].to_pylist()]
        return pa.concat_tables(tables) if tables else SCHEMA.empty_table()

    def rows(self, chunk: Chunk) -> pa.Table:
        """One chunk's rows."""
        config = self.config
        columns, skipped = rows(chunk, config.dataset_id, config.root, with_ids=config.with_ids)
        count = len(columns["id"])
        table = pa.table({**columns, "skipped": pa.nulls(count, pa.string())}, schema=SCHEMA)
        if not skipped:
            return table
        note = {name: [None] for name in SCHEMA.names} | {"skipped": [json.dumps(skipped)]}
        return pa.concat_tables([table, pa.table(note, schema=SCHEMA)])


SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("uri", pa.string()),
        ("file_name", pa.string()),
        ("folder", pa.string()),
        ("size", pa.int64()),
        ("mtime", pa.float64()),
        ("etag", pa.string()),
        ("skipped", pa.string()),
    ]
)


def pack(chunk: Chunk) -> str:
    """A chunk as text a table can hold; names that are not UTF-8 survive as lone surrogates."""
    return json.dumps([chunk.folder, chunk.names, chunk.sizes, chunk.mtimes, chunk.marks])


def unpack(text: str) -> Chunk:
    """The inverse of ``pack``."""
    return Chunk(*json.loads(text))


def listed(work: tuple[Chunk, ListFilesConfig], _: object) -> bytes:
    """A chunk's rows as Arrow's stream: what a guarded child answers with."""
    chunk, config = work
    table = ListFiles(config).rows(chunk)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed
