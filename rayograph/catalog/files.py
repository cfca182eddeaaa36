"""Small tables that are made when needed; columns of fragments, written beside, then committed."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import lance
import pyarrow as pa
from lance.file import LanceFileWriter
from lance.fragment import DataFile

VERSION = "2.2"


def open_table(uri: str) -> lance.LanceDataset | None:
    """A table, None where there is none (yet)."""
    try:
        return lance.dataset(uri)
    except (ValueError, OSError):
        return None


def open_or_make(uri: str, schema: pa.Schema) -> lance.LanceDataset:
    """A table that is made, empty, when it is first written to."""
    table = open_table(uri)
    if table is None:
        # Whoever else makes it at this moment makes the same.
        with contextlib.suppress(OSError):
            lance.write_dataset(
                schema.empty_table(), uri, mode="create", data_storage_version=VERSION
            )
        table = lance.dataset(uri)
    return table


def with_columns(uri: str, schema: pa.Schema) -> lance.LanceDataset:
    """The newest version of a table, given the (all null) columns that it has not got."""
    dataset = lance.dataset(uri)
    missing = [field for field in schema if field.name not in dataset.schema.names]
    if missing:
        dataset.add_columns(pa.schema(missing))
        dataset = lance.dataset(uri)
    return dataset


def replace_columns(
    uri: str, dataset: lance.LanceDataset, tables: Iterable[tuple[int, pa.Table]]
) -> None:
    """Put columns of whole fragments in place of those there are, in one commit.

    Raises:
        OSError, RuntimeError: among others, that somebody was faster at the same rows.
    """
    groups = [
        lance.LanceOperation.DataReplacementGroup(number, write_columns(uri, dataset, table))
        for number, table in tables
    ]
    if groups:
        operation = lance.LanceOperation.DataReplacement(groups)
        lance.LanceDataset.commit(uri, operation, read_version=dataset.version)


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
