"""The rows of an export: one snapshot of a dataset, streamed, in the words of the API.

Whatever columns a table has are exported, also those this module does not know; only the stages'
own bookkeeping is replaced by ``status``, ``error_code`` and ``error``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.annotations.extras import PREFIX as EXTRAS
from rayograph.catalog.counts import status_of
from rayograph.catalog.filters import in_sight
from rayograph.catalog.picking import filter_of
from rayograph.export.annotated import displayed
from rayograph.export.labelled import LabelColumns
from rayograph.export.plain import unpacked
from rayograph.labelling.definition import PREFIX as LABELS
from rayograph.progress import embeds
from rayograph.schema import StageState

if TYPE_CHECKING:
    from rayograph.catalog import DatasetReader, DatasetRow

BATCH_ROWS = 8192
_FIRST = (
    "id", "uri", "file_name", "folder", "size", "mtime", "status", "error_code", "error", "width",
    "height", "format", "mode", "orientation", "taken_at", "content_hash", "caption", "tags",
    "rating", "favorite",
)  # fmt: skip
_BOOKKEEPING = ("_state", "_error_code", "_error")


class Rows:
    """What one export is about. All of it is read from the snapshot that was newest at first.

    Args:
        where: a filter, as text.
        ids: or the images themselves; unknown ones are left out.
        vectors: with the vectors that serve, as ``vector``.
        labels: with the classes and scores of these labels by words.

    Raises:
        InvalidFilter: ``where`` makes no sense.
        NotFound: there are no such labels.
        NotReady: they have no scores yet.
    """

    def __init__(
        self,
        row: DatasetRow,
        reader: DatasetReader,
        *,
        where: str | None = None,
        ids: Sequence[str] | None = None,
        vectors: bool = False,
        labels: str | None = None,
    ) -> None:
        self.dataset = row
        self.snapshot = reader.snapshot()
        self._status_of = partial(status_of, embeds=embeds(row))
        self._where = filter_of(row, where) if where else None
        self._ids = ids
        seen = row.serving.seen(self.snapshot.schema.names)
        self._columns = {
            plain: column
            for plain, column in seen.items()
            if (vectors or not _is_vector(self.snapshot.schema.field(column).type))
            # Their names mean something to this program alone; of a manifest there is `extra`.
            and not plain.startswith((LABELS, EXTRAS))
        }
        labelling = None if labels is None else row.labellings.find(labels)
        self._labels = None if labelling is None else LabelColumns(labelling, self.snapshot)
        self._places: npt.NDArray[np.int64] | None = None
        self.schema: pa.Schema = self._public(self.snapshot.schema.empty_table()).schema

    @property
    def total(self) -> int:
        """How many rows there will be."""
        if self._ids is not None:
            return len(self._chosen())
        return int(self.snapshot.count_rows(self._sql))

    @property
    def _sql(self) -> str | None:
        """The filter of a scan: what was asked for, or all images in sight."""
        return self._where.sql(self.snapshot) if self._where else in_sight(self.snapshot)

    def tables(self) -> Iterator[pa.Table]:
        """Up to 8,192 rows at a time, in listing order."""
        names = [*self._columns.values(), *(self._labels.names if self._labels else ())]
        if self._ids is not None:
            places = self._chosen()
            for start in range(0, len(places), BATCH_ROWS):
                lot = places[start : start + BATCH_ROWS].tolist()
                yield self._public(self.snapshot.take(lot, columns=names))
            return
        scanner = self.snapshot.scanner(
            columns=names,
            filter=self._sql,
            batch_size=BATCH_ROWS,
            batch_readahead=2,
            fragment_readahead=1,
            scan_in_order=True,
        )
        for batch in scanner.to_batches():
            yield self._public(pa.Table.from_batches([batch]))

    def records(self) -> Iterator[dict[str, Any]]:
        """The same rows one by one."""
        for table in self.tables():
            yield from map(unpacked, table.to_pylist())

    # -- inside -----------------------------------------------------------------------------

    def _chosen(self) -> npt.NDArray[np.int64]:
        if self._places is None:
            wanted = pa.array(list(self._ids or ()), pa.string())
            column = self.snapshot.to_table(columns=["id"])["id"]
            found = pc.is_in(column, value_set=wanted).to_numpy(zero_copy_only=False)
            self._places = np.flatnonzero(found)
        return self._places

    def _public(self, raw: pa.Table) -> pa.Table:
        columns: dict[str, pa.ChunkedArray] = {
            plain: raw[column]
            for plain, column in self._columns.items()
            if not plain.endswith(_BOOKKEEPING)
        }
        columns["status"] = self._statuses(raw)
        for name in ("error_code", "error"):
            parts = [self._raw(raw, f"{stage}_{name}") for stage in ("meta", "embed")]
            columns[name] = pc.coalesce(*parts).cast(pa.string())
        if "annotations" in columns:
            columns["annotations"] = displayed(columns)
        if "described" in columns:
            # A caption that an annotation file gives, where the source has none of its own.
            columns["caption"] = pc.coalesce(columns["caption"], columns.pop("described"))
        if "favorite" in columns:
            columns["favorite"] = pc.fill_null(columns["favorite"], False)
        if self._labels is not None:
            columns |= self._labels.of(raw)
        for name, column in columns.items():
            if _is_vector(column.type):
                columns[name] = column.cast(pa.list_(pa.float32(), column.type.list_size))
        first = [name for name in _FIRST if name in columns]
        last = [name for name in columns if name not in _FIRST and name != "vector"]
        order = [*first, *last, *(["vector"] if "vector" in columns else [])]
        return pa.table([columns[name] for name in order], names=order)

    def _raw(self, raw: pa.Table, plain: str) -> pa.ChunkedArray:
        column = self._columns.get(plain)
        if column is not None:
            return raw[column]
        return pa.chunked_array([pa.nulls(raw.num_rows, pa.string())])

    def _statuses(self, raw: pa.Table) -> pa.ChunkedArray:
        pairs = np.zeros(raw.num_rows, np.int64)
        for plain in ("meta_state", "embed_state"):
            pairs *= len(StageState)
            column = self._columns.get(plain)
            if column is not None:
                pairs += raw[column].fill_null(0).to_numpy().astype(np.int64)
        names = [self._status_of(meta, embed) for meta in StageState for embed in StageState]
        return pa.chunked_array([pa.array(names, pa.string()).take(pa.array(pairs))])


def _is_vector(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type))
