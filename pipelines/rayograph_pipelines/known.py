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
        same_mark: and its mark, where the store gives one; then nothing else matters.
        other_mark: its mark is another, whatever size and time say.
    """

    new: pa.Table
    found: pa.Table
    rows: Rows
    same_size: Flags
    same_time: Flags
    same_mark: Flags
    other_mark: Flags


class Known:
    """The rows of a table, or some of them, by the uris of their files."""

    def __init__(self, rows: pa.Table, source: Source) -> None:
        self.table = rows.combine_chunks()
        self.uris = _moved_with(self.table, source)
        self.addresses: npt.NDArray[np.uint64] = rows["_rowaddr"].to_numpy().astype(np.uint64)
        self.sizes: Rows = rows["size"].fill_null(-1).to_numpy()
        self.missing: Flags = rows["missing"].fill_null(False).to_numpy()
        self.seen: Flags = np.zeros(rows.num_rows, bool)
        # Where the next files of a folder should lie.
        self._next: dict[str, int] = {}
        self._runs = _runs(self.table["folder"])
        self._times = rows["mtime"].cast(pa.float64()).fill_null(np.nan).to_numpy()
        self._marks = _one(self.table["etag"])
        self._strays: Flags = ~pc.equal(self.uris, self.table["uri"]).to_numpy()

    def __len__(self) -> int:
        return len(self.seen)

    def compare(self, listed: pa.Table) -> Compared:
        """Note which rows' files are there, and say what has changed."""
        at = self._rows_of(listed.combine_chunks())
        there = pa.array(at >= 0)
        rows = at[at >= 0]
        found = listed.filter(there)
        self.seen[rows] = True
        sizes = found["size"].fill_null(-1).to_numpy()
        times = found["mtime"].fill_null(np.nan).to_numpy()
        # A file that is there and cannot even be asked its size is no other file for that.
        unknown = (sizes < 0) & np.isnan(times)
        same_size = (sizes == self.sizes[rows]) | unknown
        before = self._times[rows]
        same_time = (times == before) | (np.isnan(times) & np.isnan(before)) | unknown
        known = self._marks.take(pa.array(rows))
        marks = _one(found["etag"])
        same_mark = _flags(pc.equal(known, marks))
        other_mark = _flags(pc.not_equal(known, marks))
        other = ~(same_size & same_time) | other_mark | self.missing[rows] | self._strays[rows]
        return Compared(
            listed.filter(pc.invert(there)),
            found.filter(pa.array(other)),
            rows[other],
            same_size[other],
            same_time[other],
            same_mark[other],
            other_mark[other],
        )

    def _rows_of(self, listed: pa.Table) -> Rows:
        """The row of each listed file, -1 for those without one."""
        found = np.full(listed.num_rows, -1, np.int64)
        uris, rest = _one(listed["uri"]), dict[str, list[Rows]]()
        for folder, spans in _runs(listed["folder"]).items():
            known = self._runs.get(folder, [])
            for start, end in spans if known else ():
                at = self._next.get(folder, known[0][0])
                # Most often a folder lies in the table as it is listed: then one look is enough.
                if self.uris.slice(at, end - start).equals(uris.slice(start, end - start)):
                    found[start:end] = np.arange(at, at + end - start)
                    self._next[folder] = at + end - start
                else:
                    rest.setdefault(folder, []).append(np.arange(start, end))
        if rest:
            places = np.concatenate([place for spans in rest.values() for place in spans])
            spans = [span for folder in rest for span in self._runs[folder]]
            rows = np.concatenate([np.arange(start, end) for start, end in spans])
            among = pc.index_in(uris.take(pa.array(places)), self.uris.take(pa.array(rows)))
            at = among.fill_null(-1).to_numpy()
            found[places] = np.where(at < 0, -1, rows[at])
            for folder, listed_at in rest.items():
                self._next[folder] = int(found[listed_at[-1]].max()) + 1
        return found

    def new_marks(self, listed: pa.Table) -> tuple[Rows, pa.Array]:
        """Rows of listed files whose marks are not theirs (yet), and the marks."""
        listed = listed.filter(pc.is_valid(listed["etag"]))
        at = pc.index_in(self.uris, _one(listed["uri"]))
        marks = _one(listed["etag"]).take(at)
        same = _flags(pc.equal(marks, self._marks))
        rows = np.flatnonzero(_flags(pc.is_valid(marks)) & ~same)
        return rows, marks.take(pa.array(rows))

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


def _runs(folders: pa.ChunkedArray) -> dict[str, list[tuple[int, int]]]:
    """Where each folder's files lie next to each other: from and to."""
    encoded = pc.run_end_encode(_one(folders), run_end_type=pa.int64())
    found, start = dict[str, list[tuple[int, int]]](), 0
    for folder, end in zip(encoded.values.to_pylist(), encoded.run_ends.to_pylist(), strict=True):
        found.setdefault(folder, []).append((start, end))
        start = end
    return found


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _flags(column: Any) -> Flags:
    found: Flags = np.asarray(_one(column).fill_null(False).to_numpy(zero_copy_only=False), bool)
    return found
