"""Joins what was read with a dataset's rows, a fragment at a time: by path, else by unique name."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.annotations.reading import Kind
from rayograph.annotations.reports import MOST_NAMED

Places = npt.NDArray[np.int64]
_SUFFIX = r"\.[^./]+$"


class Matcher:
    """The annotations of many images, by what names them.

    Args:
        path: the Arrow file a reader wrote; it is mapped, not loaded.
        kind: whether keys are paths within the source, such without a suffix, or uris.
    """

    def __init__(self, path: str, kind: Kind) -> None:
        self._file = pa.ipc.open_file(pa.memory_map(path))
        batches = [self._file.get_batch(n) for n in range(self._file.num_record_batches)]
        self._ends = np.cumsum([batch.num_rows for batch in batches], dtype=np.int64)
        keys = pa.chunked_array([batch["key"] for batch in batches], pa.string())
        self._keys = keys.combine_chunks()
        self._kind = kind
        self._used = np.zeros(len(self._keys), bool)
        self._names: tuple[pa.Array, Places] | None = None
        self.ambiguous = pa.array([], pa.string())

    @property
    def matched(self) -> int:
        """How many of the file's images a row answers to."""
        return int(self._used.sum())

    @property
    def missing(self) -> pa.Array:
        """Keys that no row answers to."""
        left = self._keys.filter(pa.array(~self._used))
        return left.filter(pc.invert(pc.is_in(left, value_set=self.ambiguous)))

    @property
    def needs(self) -> list[str]:
        """The columns of the dataset that rows are matched by."""
        return ["uri"] if self._kind == "uri" else ["folder", "file_name"]

    def columns(self, rows: pa.Table) -> pa.Table:
        """The annotation columns of these rows; a row without any has none (0 objects)."""
        places = self._find(rows)
        self._used[places[places >= 0]] = True
        return self._take(places)

    def settle(self, rows: pa.Table) -> npt.NDArray[np.int64]:
        """Match what is left by name alone, where one row and one entry have it.

        Args:
            rows: every row of the dataset.

        Returns:
            The places of the rows that found something.
        """
        if self._kind == "uri" or self._used.all():
            return np.zeros(0, np.int64)
        free = np.flatnonzero(self._find(rows) < 0)
        left = np.flatnonzero(~self._used)
        ours = self._named(pc.take(_one(rows["file_name"]), pa.array(free)))
        theirs = pc.replace_substring_regex(self._keys.take(pa.array(left)), r"^.*/", "")
        common = pc.unique(pc.filter(theirs, pc.is_in(theirs, value_set=ours)))
        once = _single(common, ours, theirs)
        at_left = pc.index_in(once, value_set=theirs).to_numpy(zero_copy_only=False)
        self._names = once, left[at_left.astype(np.int64)]
        doubtful = pc.and_(
            pc.is_in(theirs, value_set=common), pc.invert(pc.is_in(theirs, value_set=once))
        )
        self.ambiguous = self._keys.take(pa.array(left)).filter(doubtful)
        found: Places = free[pc.is_in(ours, value_set=once).to_numpy(zero_copy_only=False)]
        return found

    def first(self, keys: pa.Array) -> list[str]:
        found: list[str] = keys.slice(0, MOST_NAMED).to_pylist()
        return found

    # -- inside -----------------------------------------------------------------------------

    def _find(self, rows: pa.Table) -> Places:
        found = pc.index_in(self._keys_of(rows), value_set=self._keys)
        if self._names is not None:
            names, places = self._names
            at = pc.index_in(self._named(_one(rows["file_name"])), value_set=names)
            by_name = pa.array(places, pa.int32()).take(at)
            found = pc.coalesce(found, by_name)
        there: Places = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return there

    def _keys_of(self, rows: pa.Table) -> pa.Array:
        if self._kind == "uri":
            return _one(rows["uri"])
        folder, name = _one(rows["folder"]), self._named(_one(rows["file_name"]))
        joined = pc.binary_join_element_wise(folder, name, "/")
        return pc.if_else(pc.equal(folder, ""), name, joined)

    def _named(self, names: pa.Array) -> pa.Array:
        if self._kind != "stem":
            return names
        return pc.replace_substring_regex(names, _SUFFIX, "")

    def _take(self, places: Places) -> pa.Table:
        """Rows of the mapped file in the order of ``places``, nulls for -1; one batch at a time."""
        order = np.argsort(places, kind="stable")
        order = order[np.searchsorted(places[order], 0) :]
        homes = np.searchsorted(self._ends, places[order], side="right")
        parts = []
        for batch in np.unique(homes).tolist():
            start = int(self._ends[batch - 1]) if batch else 0
            mine = places[order[homes == batch]] - start
            parts.append(self._file.get_batch(batch).take(pa.array(mine)))
        back = np.full(len(places), -1, np.int64)
        back[order] = np.arange(len(order))
        index = pa.array(back, mask=back < 0)
        table = pa.Table.from_batches(parts, self._file.schema).combine_chunks().take(index)
        return _settled(table.drop_columns(["key"]))


def _settled(table: pa.Table) -> pa.Table:
    """No labels is null; no objects is 0: nobody need look again."""
    labels = _one(table["labels"])
    none = pc.equal(pc.list_value_length(labels).fill_null(0), 0)
    columns: dict[str, Any] = {name: table[name] for name in table.column_names}
    columns["labels"] = pc.if_else(none, pa.scalar(None, labels.type), labels)
    columns["objects"] = pc.fill_null(table["objects"], 0)
    return pa.table(columns).combine_chunks()


def _single(common: pa.Array, ours: pa.Array, theirs: pa.Array) -> pa.Array:
    """Those of ``common`` that stand once on each side."""
    for side in (ours, theirs):
        counted = pc.value_counts(pc.filter(side, pc.is_in(side, value_set=common)))
        common = counted.field(0).filter(pc.equal(counted.field(1), 1))
    return common


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
