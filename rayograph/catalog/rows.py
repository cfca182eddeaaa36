"""Changing rows that are there already: where their files are, that files are gone, and purging.

The listing's columns of a fragment lie in one file, which is written again whole; so a row keeps
its place, and with it all that is in other files: metadata, vectors, tags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from lance.fragment import FragmentMetadata

from rayograph.catalog.columns import MARKS, MISSING
from rayograph.catalog.conflicts import until_committed
from rayograph.catalog.files import replace_columns, with_columns, write_columns
from rayograph.catalog.filters import places, present
from rayograph.catalog.writer import merge_group

Change = Callable[[lance.LanceDataset], Any]
# So many fragments are written again in one commit: their columns are in memory meanwhile.
_AT_ONCE = 64
Addresses = npt.NDArray[np.uint64]
Offsets = npt.NDArray[np.int64]
Operation = lance.LanceOperation


class RowEditor:
    """The rows of one dataset; one process edits them at a time (``Catalog.lock``)."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def dataset(self) -> lance.LanceDataset:
        return lance.dataset(self._uri)

    def known(self, where: str | None = None, *, missing: bool = False) -> pa.Table:
        """uri, file_name, folder, size, mtime, missing and etag of rows, with ``_rowaddr``.

        Args:
            where: the filter that picks them; default: all.
            missing: besides those, all whose file is gone.
        """
        dataset = self.dataset()
        names = ["uri", "file_name", "folder", "size", "mtime"]
        gone = present(dataset) is not None
        if where is not None and missing and gone:
            where = f"({where}) or missing"
        some = [f for f in (*MISSING, *MARKS) if f.name in dataset.schema.names]
        names += [f.name for f in some]
        table: pa.Table = dataset.scanner(
            columns=names, filter=where, with_row_address=True
        ).to_table()
        for field in (*MISSING, *MARKS):
            if field not in some:
                table = table.append_column(field, pa.nulls(table.num_rows, field.type))
        return table

    def values(self, addresses: Addresses, names: Sequence[str]) -> pa.Table:
        """Columns of rows by their addresses, in order; what the table has not got is null."""
        dataset = self.dataset()
        there = [name for name in names if name in dataset.schema.names]
        if not there or not len(addresses):
            return pa.table({name: pa.nulls(len(addresses)) for name in names})
        found: pa.Table = dataset.take(places(dataset, addresses).tolist(), columns=there)
        for name in names:
            if name not in there:
                found = found.append_column(name, pa.nulls(len(addresses)))
        return found.select(list(names))

    def place(self, rows: pa.Table) -> None:
        """Change listing columns (uri, file_name, folder, size, mtime) of rows by ``_rowaddr``."""

        def placed(dataset: lance.LanceDataset, fragment: int, at: Offsets, new: pa.Table) -> Any:
            names = _beside(dataset, fragment, "uri")
            table = dataset.get_fragment(fragment).to_table(columns=names).combine_chunks()
            kept = table.take(pa.array(at))
            for name in new.column_names:
                index = kept.schema.get_field_index(name)
                column = new[name].cast(kept.schema.field(index).type)
                kept = kept.set_column(index, kept.schema.field(index), column)
            return merge_group(table, at, kept)

        self._replace(rows, placed)

    def mark(self, addresses: Addresses, *, missing: bool) -> None:
        """Say of rows that their file is gone, or that it is there again."""
        if not len(addresses):
            return
        if present(self.dataset()) is None:
            if not missing:
                return
            with_columns(self._uri, MISSING)
        value = True if missing else None
        self._set(addresses, pa.table([pa.array([value] * len(addresses))], MISSING))

    def note_marks(self, addresses: Addresses, marks: pa.Array) -> None:
        """Keep files' marks, in the order of the rows' addresses."""
        if not len(addresses):
            return
        with_columns(self._uri, MARKS)
        self._set(addresses, pa.table([marks], MARKS))

    def forget(self, addresses: Addresses, group: pa.Schema) -> None:
        """Make a group of columns null in rows, as if nobody had looked yet."""
        nothing = [pa.nulls(len(addresses), f.type) for f in group]
        self._set(addresses, pa.table(nothing, schema=group))

    def settle(self) -> None:
        """Forget the column of what is missing when nothing is: reading needs no look at it."""
        dataset = self.dataset()
        if present(dataset) is not None and not dataset.count_rows("missing"):
            dataset.drop_columns(MISSING.names)

    def purge(self) -> int:
        """Remove the rows whose file is gone, in one commit; returns how many they were.

        What is left of a fragment becomes a new one, file by file: a stage replaces just the
        columns that lie in one file together, and expects every row of the fragment in it.
        """
        if present(self.dataset()) is None:
            return 0
        before = self.dataset().count_rows()

        def purged(dataset: lance.LanceDataset) -> Any:
            touched = [f for f in dataset.get_fragments() if f.count_rows("missing")]
            left = (self._without_missing(dataset, fragment) for fragment in touched)
            return Operation.Update(
                removed_fragment_ids=[fragment.fragment_id for fragment in touched],
                updated_fragments=[],
                new_fragments=[fragment for fragment in left if fragment is not None],
                fields_modified=[],
            )

        if self.dataset().count_rows("missing"):
            self._commit(purged)
        self.settle()
        return int(before - self.dataset().count_rows())

    # -- inside -----------------------------------------------------------------------------

    def _without_missing(self, dataset: lance.LanceDataset, fragment: Any) -> Any:
        kept = present(dataset)
        rows = fragment.count_rows(kept)
        if not rows:
            return None
        files = []
        for names in _files(dataset, fragment.metadata):
            table = fragment.to_table(columns=names, filter=kept)
            files.append(write_columns(self._uri, dataset, table.combine_chunks()))
        return FragmentMetadata(0, files, rows)

    def _set(self, addresses: Addresses, values: pa.Table) -> None:
        """Set columns, which lie in files of their own, in the rows of these addresses."""
        rows = values.append_column("_rowaddr", pa.array(addresses, pa.uint64()))

        def changed(dataset: lance.LanceDataset, fragment: int, at: Offsets, new: pa.Table) -> Any:
            table = dataset.get_fragment(fragment).to_table(columns=values.column_names)
            return merge_group(table.combine_chunks(), at, new)

        self._replace(rows, changed)

    def _replace(
        self,
        rows: pa.Table,
        make: Callable[[lance.LanceDataset, int, Offsets, pa.Table], pa.Table],
    ) -> None:
        """Write columns of the rows' fragments again, as ``make`` makes them."""
        by_fragment = split(rows)
        names = [*by_fragment]
        for start in range(0, len(names), _AT_ONCE):
            chosen = names[start : start + _AT_ONCE]

            def once(chosen: list[int] = chosen) -> None:
                dataset = self.dataset()
                made = ((each, make(dataset, each, *by_fragment[each])) for each in chosen)
                replace_columns(self._uri, dataset, made)

            until_committed(once)

    def _commit(self, change: Change) -> None:
        """Commit a change; where somebody was faster at the same rows, work it out anew."""

        def once() -> None:
            dataset = self.dataset()
            operation = change(dataset)
            lance.LanceDataset.commit(self._uri, operation, read_version=dataset.version)

        until_committed(once)


def split(rows: pa.Table) -> Mapping[int, tuple[Offsets, pa.Table]]:
    """Rows with ``_rowaddr`` by fragment: their places in it, and the rows without the address."""
    addresses = rows["_rowaddr"].to_numpy().astype(np.uint64)
    homes = (addresses >> np.uint64(32)).astype(np.int64)
    offsets = (addresses & np.uint64(0xFFFFFFFF)).astype(np.int64)
    bare, found = rows.drop_columns(["_rowaddr"]), {}
    order = np.argsort(homes, kind="stable")
    fragments, starts = np.unique(homes[order], return_index=True)
    ends = [*starts[1:].tolist(), len(order)]
    for fragment, start, end in zip(fragments.tolist(), starts.tolist(), ends, strict=True):
        chosen = order[start:end]
        found[fragment] = offsets[chosen], bare.take(pa.array(chosen))
    return found


def _files(dataset: lance.LanceDataset, about: Any) -> Iterator[list[str]]:
    """The columns of each of a fragment's files, as far as the table still has them."""
    names = {field.id(): field.name() for field in dataset.lance_schema.fields()}
    for file in about.files:
        # The fields inside a list are listed as well; they come with it.
        held = [names[number] for number in file.fields if number in names]
        if held:
            yield held


def _beside(dataset: lance.LanceDataset, fragment: int, column: str) -> list[str]:
    """The columns that lie in one file with this one."""
    about = dataset.get_fragment(fragment).metadata
    return next(names for names in _files(dataset, about) if column in names)
