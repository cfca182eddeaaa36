"""Column files: some columns of one fragment, written beside the table, then committed to it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import lance
import pyarrow as pa
from lance.file import LanceFileWriter
from lance.fragment import DataFile

VERSION = "2.2"


def write_columns(uri: str, dataset: lance.LanceDataset, table: pa.Table) -> DataFile:
    """Write columns of one fragment to a file of their own; without a commit it is garbage."""
    name = f"{uuid.uuid4()}.lance"
    writer = LanceFileWriter(f"{uri}/data/{name}", table.schema, version=VERSION)
    for batch in table.to_batches():
        writer.write_batch(batch)
    writer.close()
    named = {field.name(): field for field in dataset.lance_schema.fields()}
    fields = [field for column in table.column_names for field in _tree(named[column])]
    places = iter(range(len(fields)))
    # A list is no column of the file, only what is in it is.
    held = [next(places) if not field.children() else -1 for field in fields]
    return DataFile(name, [field.id() for field in fields], held, 2, 2)


def _tree(field: Any) -> Iterator[Any]:
    yield field
    for child in field.children():
        yield from _tree(child)
