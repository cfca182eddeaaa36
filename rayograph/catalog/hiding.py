"""Images that somebody hid are out of sight: a column of the table that follows the decisions.

What is decided is kept by content, and is the truth; the column makes it cheap to leave rows out.
It is worked out anew after each decision and when a run is over, so a new copy of what is hidden is
hidden as well. Of copies that were hidden beside one of the same content, the best one stays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.analysis.best import COLUMNS, best_of
from rayograph.analysis.groups import Groups
from rayograph.catalog.analysis_data import with_prints
from rayograph.catalog.columns import HIDDEN, Space
from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.files import replace_columns, with_columns
from rayograph.catalog.filters import index_name

if TYPE_CHECKING:
    from rayograph.catalog.analyses import Analyses

log = logging.getLogger(__name__)
Flags = npt.NDArray[np.bool_]
Pick = Callable[[lance.LanceDataset], str]


class Hider:
    """Hides images of one dataset; any number may do so at once.

    Args:
        space: whose content hashes are looked at.
    """

    def __init__(self, uri: str, dataset_id: str, analyses: Analyses, space: Space) -> None:
        self._uri, self._dataset_id = uri, dataset_id
        self._analyses, self._space = analyses, space
        self._book = analyses.decisions(dataset_id)

    def hide(self, pick: Pick, *, hidden: bool = True) -> int:
        """Hide all that a filter picks, or show it again, with all copies of the same content;
        returns how many of what is picked have a content that is known."""
        snapshot = lance.dataset(self._uri)
        found = self._contents(snapshot, pick(snapshot))["content_hash"].drop_null()
        contents = pc.unique(found).to_pylist()
        if contents and hidden:
            self._book.hide(contents)
        elif contents:
            self._book.show(contents)
        if contents:
            self.settle()
        return len(found)

    def settle(self) -> int:
        """Have the table follow what is decided; returns how many rows that changed."""
        changed = until_committed(self._once)
        if changed:
            self._index()
        return changed

    def _index(self) -> None:
        """What is written again falls out of its index, where there is one: filters get slower."""
        snapshot, name = lance.dataset(self._uri), index_name("hidden", "BITMAP")
        if name not in {index.name for index in snapshot.describe_indices()}:
            return
        try:
            snapshot.create_scalar_index("hidden", "BITMAP", name=name, replace=True)
        except (OSError, RuntimeError):
            log.exception("no index of what is hidden; the next run tries again")

    def _once(self) -> int:
        whole, copies = self._book.hidden()
        snapshot = lance.dataset(self._uri)
        if HIDDEN.names[0] not in snapshot.schema.names:
            if not len(whole) and not len(copies):
                return 0
            snapshot = with_columns(self._uri, HIDDEN)
        about = {*COLUMNS, "missing"} if len(copies) else set()
        table = self._contents(snapshot, None, more={*HIDDEN.names, *about})
        wanted = _among(table["content_hash"], whole) | _but_the_best(table, copies)
        before = table["hidden"].fill_null(False).to_numpy()
        homes = (table["_rowaddr"].to_numpy() >> np.uint64(32)).astype(np.int64)

        def column(fragment: int) -> pa.Table:
            flags = wanted[homes == fragment]
            # Nothing there is what not hidden means.
            return pa.table([pa.array(flags, mask=~flags)], HIDDEN)

        fragments = np.unique(homes[wanted != before]).tolist()
        replace_columns(self._uri, snapshot, ((each, column(each)) for each in fragments))
        return int((wanted != before).sum())

    def _contents(
        self, snapshot: lance.LanceDataset, sql: str | None, more: Collection[str] = ()
    ) -> pa.Table:
        """``content_hash`` and more of rows, with ``_rowaddr``; where no model looks at a dataset,
        what was found out about its files for their duplicates."""
        wanted = {"id", "size", "mtime", *more} & set(snapshot.schema.names)
        columns = {name: name for name in sorted(wanted)}
        if self._space.content_hash in snapshot.schema.names:
            columns["content_hash"] = self._space.content_hash
        table = snapshot.scanner(columns=columns, filter=sql, with_row_address=True).to_table()
        for name, kind in (("content_hash", pa.string()), ("phash", pa.uint64())):
            if name not in columns:
                table = table.append_column(name, pa.nulls(table.num_rows, kind))
        if not table["content_hash"].null_count:
            return table
        return with_prints(table, self._analyses.side(self._dataset_id, "fingerprints"))


def _among(column: pa.ChunkedArray, values: pa.Array) -> Flags:
    found: Flags = pc.is_in(column, value_set=values.cast(pa.string())).to_numpy()
    return found


def _but_the_best(table: pa.Table, contents: pa.Array) -> Flags:
    """Copies of these contents, but for the best of each whose file is there."""
    found = np.zeros(table.num_rows, bool)
    if not len(contents):
        return found
    chosen = _among(table["content_hash"], contents)
    if "missing" in table.column_names:
        chosen &= ~table["missing"].fill_null(False).to_numpy()
    rows = np.flatnonzero(chosen)
    copies = table.take(pa.array(rows))
    codes = pc.dictionary_encode(copies["content_hash"].combine_chunks()).indices
    groups = Groups.of_equal(codes.to_numpy(zero_copy_only=False).astype(np.int64))
    found[rows[groups.rows[~best_of(groups, copies).best]]] = True
    return found
