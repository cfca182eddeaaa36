"""What a table knows of a source's files, to be compared with what is there now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.sources import Source, quote_path

Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Compared:
    """Listed files beside known rows.

    Args:
        new: listed files that no row is of.
        found: those a row is of, where anything about the file is not as the row says.
        rows: which row each of ``found`` is of.
        same_size: of each of ``found``, whether its size is what it was.
        same_time: and its time.
    """

    new: pa.Table
    found: pa.Table
    rows: Rows
    same_size: Flags
    same_time: Flags


class Known:
    """The rows of a table, or some of them, by the uris of their files."""

    def __init__(self, rows: pa.Table, source: Source) -> None:
        self.table = rows.combine_chunks()
        self.uris = _moved_with(self.table, source)
        self.addresses: npt.NDArray[np.uint64] = rows["_rowaddr"].to_numpy().astype(np.uint64)
        self.sizes: Rows = rows["size"].fill_null(-1).to_numpy()
        self.missing: Flags = rows["missing"].fill_null(False).to_numpy()
        self.seen: Flags = np.zeros(rows.num_rows, bool)
        self._times = rows["mtime"].cast(pa.float64()).fill_null(np.nan).to_numpy()
        self._strays: Flags = ~pc.equal(self.uris, self.table["uri"]).to_numpy()

    def __len__(self) -> int:
        return len(self.seen)

    def compare(self, listed: pa.Table) -> Compared:
        """Note which rows' files are there, and say what has changed."""
        at = pc.index_in(listed["uri"], value_set=self.uris)
        there = pc.is_valid(at)
        rows: Rows = at.drop_null().to_numpy().astype(np.int64)
        found = listed.filter(there)
        self.seen[rows] = True
        sizes = found["size"].fill_null(-1).to_numpy()
        times = found["mtime"].fill_null(np.nan).to_numpy()
        # A file that is there and cannot even be asked its size is no other file for that.
        unknown = (sizes < 0) & np.isnan(times)
        same_size = (sizes == self.sizes[rows]) | unknown
        before = self._times[rows]
        same_time = (times == before) | (np.isnan(times) & np.isnan(before)) | unknown
        other = ~(same_size & same_time) | self.missing[rows] | self._strays[rows]
        return Compared(
            listed.filter(pc.invert(there)),
            found.filter(pa.array(other)),
            rows[other],
            same_size[other],
            same_time[other],
        )

    def unseen_sizes(self) -> pa.Array:
        """Sizes of rows whose files have not been met (yet)."""
        sizes = self.sizes[~self.seen]
        return pa.array(np.unique(sizes[sizes > 0]), pa.int64())

    def vanished(self, unreadable: list[str]) -> Rows:
        """Rows whose files were not met, except in folders that could not be looked into."""
        gone = ~self.seen
        for folder in unreadable:
            inside = pc.starts_with(self.uris, "file://" + quote_path(folder).rstrip("/") + "/")
            gone &= ~_flags(inside)
        return np.flatnonzero(gone)


def _moved_with(rows: pa.Table, source: Source) -> pa.Array:
    """The rows' uris; where the source lies elsewhere now, those its files would have there."""
    uris = _one(rows["uri"])
    if source.kind != "folder":
        return uris
    prefix = "file://" + quote_path(source.root).rstrip("/") + "/"
    strays = np.flatnonzero(~_flags(pc.starts_with(uris, prefix)))
    if not len(strays):
        return uris
    few = rows.take(pa.array(strays))
    places = zip(few["folder"].to_pylist(), few["file_name"].to_pylist(), strict=True)
    moved = [prefix + quote_path(f"{folder}/{name}".lstrip("/")) for folder, name in places]
    # A row of a file at the new place is there already: then the old one is another file.
    taken = _flags(pc.is_in(pa.array(moved, pa.string()), value_set=uris))
    texts = uris.to_numpy(zero_copy_only=False).copy()
    texts[strays[~taken]] = np.array(moved, object)[~taken]
    return pa.array(texts, pa.string())


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _flags(column: Any) -> Flags:
    found: Flags = np.asarray(_one(column).fill_null(False).to_numpy(zero_copy_only=False), bool)
    return found
