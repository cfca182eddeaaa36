"""A field's values of all rows as small numbers, so that counting them is adding up numbers.

At a million rows a field is read and coded once a version of its columns (tens of ms); how often
each value occurs among what a filter picks is then a matter of a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog.binning import Bins, Edges, moments, number_bins, time_bins
from rayograph.where import Field

Codes = npt.NDArray[np.integer]
Rows = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]
StatusOf = Callable[[int, int], str]
_NUMBERS = ("number", "bytes", "ratio")
# So few whole numbers are values to choose from: ratings, orientations.
_SCALE = 12


@dataclass(frozen=True)
class Selection:
    """Some of a table's rows: those in ``rows``, or with ``inverted`` all others.

    Whichever is less is kept, so that nothing looks at more than half of a table.
    """

    rows: Rows
    length: int
    inverted: bool = False

    @classmethod
    def of(cls, rows: Rows, length: int) -> Selection:
        if len(rows) * 2 <= length:
            return cls(rows, length)
        left = np.ones(length, bool)
        left[rows] = False
        return cls(np.flatnonzero(left), length, inverted=True)

    def __len__(self) -> int:
        return self.length - len(self.rows) if self.inverted else len(self.rows)

    @cached_property
    def mask(self) -> npt.NDArray[np.bool_]:
        """For each row of the table whether it is one."""
        found = np.full(self.length, self.inverted)
        found[self.rows] = not self.inverted
        return found


@dataclass(frozen=True)
class Coded:
    """What a field holds.

    Args:
        codes: of each row (or of each value in ``homes``) the place of its value among ``labels``
            or of its bin among ``edges``; the number after the last means that there is none.
        labels: the values, most frequent first, or in order where they have one.
        edges: of bins, one more than there are.
        homes: the row of each code, where a row can have several.
        ends: the least and the greatest value.
    """

    codes: Codes
    labels: Sequence[str] = ()
    edges: Edges = field(default_factory=list)
    homes: Rows | None = None
    ends: tuple[float, float] | tuple[str, str] | None = None
    length: int = 0

    @property
    def size(self) -> int:
        return len(self.labels) or max(0, len(self.edges) - 1)

    @cached_property
    def whole(self) -> Counts:
        """How often each value occurs, and how many rows have none."""
        if self.homes is not None:
            return self._of_several(Selection(self.homes[:0], self.length, inverted=True))
        return _tally(self.codes, self.size)

    def counts(self, of: Selection | None) -> Counts:
        """The same among some rows; None: all."""
        if of is None:
            return self.whole
        if self.homes is not None:
            return self._of_several(of)
        found = _tally(self.codes[of.rows], self.size)
        return self.whole - found if of.inverted else found

    def _of_several(self, of: Selection) -> Counts:
        assert self.homes is not None
        there = of.mask[self.homes]
        found = _tally(self.codes[there], self.size)
        found[-1] = len(of) - len(np.unique(self.homes[there]))
        return found


def code(
    snapshot: lance.LanceDataset, of: Field, columns: Mapping[str, str], status_of: StatusOf
) -> Coded:
    """Read a field of all rows.

    Args:
        columns: what the field table's columns are called in the table, as far as it has them.
    """
    total = int(snapshot.count_rows())
    if of.name == "status":
        return _statuses(snapshot, columns, status_of)
    column = read(snapshot, of, columns)
    if column is None and of.kind == "flag":
        return _flags(pa.chunked_array([pa.nulls(total, pa.bool_())]))
    if column is None:
        return Coded(np.zeros(total, np.uint8), length=total)
    if of.kind in _NUMBERS:
        return _numbers(column.cast(pa.float64()).to_numpy(), scale=of.kind == "number")
    return _lists(column) if pa.types.is_list(column.type) else _CODERS.get(of.kind, _texts)(column)


def read(
    snapshot: lance.LanceDataset, of: Field, columns: Mapping[str, str]
) -> pa.ChunkedArray | None:
    """A field's values of all rows; None: the table has none of its columns."""
    there = [columns[name] for name in of.sources if name in columns]
    if of.sql is not None:
        if len(there) < len(of.sources):
            return None
        sql = of.sql.format_map(dict(zip(of.sources, there, strict=True)))
        return snapshot.scanner(columns={"value": sql}).to_table()["value"]
    if not there:
        return None
    table = snapshot.scanner(columns=there).to_table()
    return table[there[0]] if len(there) == 1 else pc.coalesce(*(table[name] for name in there))


def _tally(codes: Codes, size: int) -> Counts:
    found: Counts = np.bincount(codes, minlength=size + 1)
    return found


def _small(codes: Bins, size: int) -> Codes:
    """In the smallest type; -1 becomes ``size``."""
    kind = np.min_scalar_type(size)
    return np.where(codes < 0, size, codes).astype(kind)


def _texts(column: pa.ChunkedArray) -> Coded:
    codes, labels = _dictionary(column)
    return Coded(_small(codes, len(labels)), labels, length=len(column))


def _dictionary(column: pa.ChunkedArray) -> tuple[Bins, list[str]]:
    """The place of each value among the labels, the most frequent first; -1: none, or empty."""
    encoded = column.combine_chunks().dictionary_encode()
    labels = [str(value) for value in encoded.dictionary.to_pylist()]
    codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    often = np.bincount(codes[codes >= 0], minlength=len(labels))
    order = sorted(
        (at for at, label in enumerate(labels) if label), key=lambda at: (-often[at], labels[at])
    )
    places = np.full(len(labels) + 1, -1, np.int64)
    places[order] = np.arange(len(order))
    return places[codes], [labels[at] for at in order]


def _lists(column: pa.ChunkedArray) -> Coded:
    whole = column.combine_chunks()
    values, homes = pc.list_flatten(whole), pc.list_parent_indices(whole).to_numpy()
    codes, labels = _dictionary(pa.chunked_array([values]))
    # A row that says the same twice counts once.
    pairs = np.unique(homes[codes >= 0] * np.int64(max(1, len(labels))) + codes[codes >= 0])
    homes, codes = np.divmod(pairs, max(1, len(labels)))
    return Coded(_small(codes, len(labels)), labels, homes=homes, length=len(column))


def _flags(column: pa.ChunkedArray) -> Coded:
    # Nothing there means no.
    yes = column.fill_null(False).combine_chunks().to_numpy(zero_copy_only=False)
    return Coded(np.where(yes, 0, 1).astype(np.uint8), ("yes", "no"), length=len(column))


def _numbers(values: npt.NDArray[np.float64], *, scale: bool) -> Coded:
    known = values[np.isfinite(values)]
    ends = (float(known.min()), float(known.max())) if len(known) else None
    if scale and ends and ends[1] - ends[0] <= _SCALE and (known == np.floor(known)).all():
        there = np.unique(known)
        codes = np.searchsorted(there, values)
        codes[~np.isfinite(values)] = -1
        labels = [f"{number:.0f}" for number in there]
        return Coded(_small(codes, len(there)), labels, ends=ends, length=len(values))
    bins, edges = number_bins(values)
    size = max(0, len(edges) - 1)
    return Coded(_small(bins, size), edges=edges, ends=ends, length=len(values))


def _times(column: pa.ChunkedArray) -> Coded:
    values = moments(column)
    bins, edges = time_bins(values)
    known = values[~np.isnat(values)]
    ends = (str(known.min()), str(known.max())) if len(known) else None
    size = max(0, len(edges) - 1)
    return Coded(_small(bins, size), edges=edges, ends=ends, length=len(values))


def _statuses(
    snapshot: lance.LanceDataset, columns: Mapping[str, str], status_of: StatusOf
) -> Coded:
    total = int(snapshot.count_rows())
    names = ("meta_state", "embed_state")
    there = [columns[name] for name in names if name in columns]
    table = snapshot.scanner(columns=there).to_table()
    meta, embed = (
        table[columns[name]].fill_null(0).to_numpy().astype(np.int64)
        if name in columns
        else np.zeros(total, np.int64)
        for name in names
    )
    width = 1 + int(max(meta.max(initial=0), embed.max(initial=0)))
    said = [status_of(pair // width, pair % width) for pair in range(width * width)]
    labels = sorted(set(said))
    places = np.array([labels.index(status) for status in said])[meta * width + embed]
    there_are = [label for at, label in enumerate(labels) if (places == at).any()]
    back = np.array([there_are.index(x) if x in there_are else -1 for x in labels])
    return Coded(_small(back[places], len(there_are)), there_are, length=total)


_CODERS: dict[str, Callable[[pa.ChunkedArray], Coded]] = {"time": _times, "flag": _flags}
