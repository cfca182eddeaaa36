"""A dataset's columns as arrays, from one snapshot: what analyses are made of."""

from __future__ import annotations

from dataclasses import dataclass

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.analysis.best import COLUMNS
from rayograph.catalog.analyses import data_of, marks
from rayograph.catalog.columns import Space
from rayograph.catalog.counts import DONE
from rayograph.catalog.filters import Filter, in_sight, present
from rayograph.catalog.reader import DatasetReader
from rayograph.errors import InvalidRequest
from rayograph.where.fields import CAPTIONS, Field, nearest
from rayograph.where.own import OwnFields

_BATCH = 8_192


@dataclass(frozen=True, slots=True)
class Vectors:
    """Images that have a vector: ids, and ``float16 [n, dim]``; of ``total`` images."""

    ids: pa.Array
    values: npt.NDArray[np.float16]
    total: int
    marks: str
    version: int


def vectors(reader: DatasetReader, where: Filter | None = None) -> Vectors:
    """Every vector (of what a filter picks, else of what is there); a million of 512 take a
    gigabyte."""
    snapshot, space = reader.snapshot(), reader.space
    picked = f"({where.sql(snapshot) if where else in_sight(snapshot) or 'true'})"
    total = int(snapshot.count_rows(picked))
    found = _Found(snapshot, space, f"{picked} and {space.state} = {DONE}")
    return Vectors(found.ids, found.values, total, marks_of(reader, snapshot), snapshot.version)


class _Found:
    def __init__(self, snapshot: lance.LanceDataset, space: Space, sql: str) -> None:
        self.ids = pa.array([], pa.string())
        self.values = np.zeros((0, 1), np.float16)
        if space.vector not in snapshot.schema.names:
            return
        dim = snapshot.schema.field(space.vector).type.list_size
        values = np.empty((int(snapshot.count_rows(sql)), dim), np.float16)
        names, at = [], 0
        scan = snapshot.scanner(columns=["id", space.vector], filter=sql, batch_size=_BATCH)
        for batch in scan.to_batches():
            flat = batch[space.vector].flatten().to_numpy(zero_copy_only=False)
            values[at : at + batch.num_rows] = flat.reshape(-1, dim)
            names.append(batch["id"])
            at += batch.num_rows
        self.ids = pa.concat_arrays(names) if names else self.ids
        self.values = values[:at]


def contents(reader: DatasetReader) -> tuple[pa.Table, str, int]:
    """``id``, ``uri``, what copies are compared by, ``meta_state``, ``embed_state`` and the hashes
    of every image whose file is there, the marks of them, and the version of the table."""
    snapshot, space = reader.snapshot(), reader.space
    plain = ["id", "uri", *COLUMNS, "meta_state"]
    there = set(snapshot.schema.names)
    later = {
        "embed_state": (space.state, pa.uint8()),
        "content_hash": (space.content_hash, pa.string()),
        "phash": (space.phash, pa.uint64()),
    }
    names = [*plain, *(c for c, _ in later.values() if c in there)]
    table = snapshot.to_table(columns=names, filter=present(snapshot))
    columns = {name: table[name] for name in plain}
    for name, (column, kind) in later.items():
        has = column in there
        columns[name] = table[column] if has else pa.chunked_array([pa.nulls(len(table), kind)])
    return pa.table(columns), marks_of(reader, snapshot), snapshot.version


def with_prints(table: pa.Table, prints: pa.Table | None) -> pa.Table:
    """Hashes from fingerprints where the table has none, of files that are still the same."""
    if prints is None:
        return table
    # Of one read twice the later counts.
    prints = prints.take(pa.array(np.arange(prints.num_rows)[::-1]))
    place = pc.index_in(table["id"], value_set=prints["id"].combine_chunks())
    there = prints.take(place.combine_chunks())
    same = pc.and_(pc.equal(there["size"], table["size"]), pc.equal(there["mtime"], table["mtime"]))
    for name in ("content_hash", "phash"):
        kept = pc.if_else(pc.fill_null(same, False), there[name], pa.scalar(None, there[name].type))
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pc.coalesce(table[name], kept))
    return table


def marks_of(reader: DatasetReader, snapshot: lance.LanceDataset | None = None) -> str:
    """What changes when images come, go, or get other contents or vectors."""
    return marks(snapshot or reader.snapshot(), data_of(reader.space))


def identities(reader: DatasetReader, where: Filter | None = None) -> Vectors:
    """Every image (that a filter picks, else that is there), without its vector."""
    snapshot = reader.snapshot()
    sql = where.sql(snapshot) if where else in_sight(snapshot)
    ids = snapshot.to_table(columns=["id"], filter=sql)["id"].combine_chunks()
    found = marks_of(reader, snapshot)
    return Vectors(ids, np.zeros((0, 1), np.float16), len(ids), found, snapshot.version)


def captions_of(reader: DatasetReader, ids: pa.Array) -> pa.ChunkedArray:
    """The captions of these images, in their order."""
    snapshot = reader.snapshot()
    there = [name for name in CAPTIONS if name in snapshot.schema.names]
    table = snapshot.scanner(columns={"id": "id", "caption": f"coalesce({', '.join(there)})"})
    rows = table.to_table()
    place = pc.index_in(ids, value_set=rows["id"].combine_chunks())
    return rows["caption"].take(place)


def single_field(name: str, own: OwnFields) -> Field:
    """The field of this name, of which each image has one value or none.

    Raises:
        InvalidRequest: there is no such field, or it has no single value.
        InvalidFilter: the dataset has no such field.
    """
    field = own.named(name)
    if field is None:
        near = nearest(name)
        hint = f"did you mean {near!r}?" if near else None
        raise InvalidRequest(f"there is no field {name!r}", hint=hint)
    several = field.kind == "tags" and not field.single
    if several or field.kind == "area" or field.name == "status":
        raise InvalidRequest(f"{field.name} has no single value to balance by")
    return field


def values_of(reader: DatasetReader, ids: pa.Array, field: Field) -> npt.NDArray[np.int64]:
    """For each of these images the number of its value of a field; -1: it has none."""
    snapshot = reader.snapshot()
    seen = reader.space.seen(snapshot.schema.names)
    there = [seen[source] for source in field.sources if source in seen]
    if not there or (field.sql and len(there) < len(field.sources)):
        return np.full(len(ids), -1, np.int64)
    value = there[0] if len(there) == 1 else f"coalesce({', '.join(there)})"
    if field.sql:
        value = field.sql.format_map(dict(zip(field.sources, there, strict=True)))
    table = snapshot.scanner(columns={"id": "id", "value": value}).to_table()
    codes = pc.dictionary_encode(table["value"]).combine_chunks().indices
    place = pc.index_in(ids, value_set=table["id"].combine_chunks())
    values: npt.NDArray[np.int64] = codes.take(place).fill_null(-1).to_numpy(zero_copy_only=False)
    return values.astype(np.int64)
