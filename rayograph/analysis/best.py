"""Which copy of several to keep, and why."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.analysis.groups import Groups

# What loses nothing comes before what does, and newer lossy formats before older ones.
_FORMATS = {"TIFF": 0, "PNG": 0, "BMP": 1, "HEIF": 2, "AVIF": 2, "WEBP": 3, "JPEG": 4, "GIF": 5}
_OTHER = 6
REASONS = ("most pixels", "best format", "largest file", "oldest", "shortest name", "first listed")
COLUMNS = ("width", "height", "format", "size", "mtime", "file_name")


class Best(NamedTuple):
    """One flag for each row of ``groups.rows``, and for each group why it is that one."""

    best: npt.NDArray[np.bool_]
    reason: npt.NDArray[np.int64]


def best_of(groups: Groups, about: pa.Table) -> Best:
    """The copy with most pixels; of equals the better format, larger file, older, shorter name.

    Args:
        about: ``COLUMNS`` of every row that ``groups`` numbers.
    """
    if not len(groups.rows):
        return Best(np.zeros(0, bool), np.zeros(0, np.int64))
    rows = about.select(COLUMNS).take(pa.array(groups.rows))
    keys = _keys(rows)
    order = np.lexsort((groups.rows, *reversed(keys), groups.group))
    group = groups.group[order]
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    best = np.zeros(len(order), bool)
    best[order[first]] = True
    # What the first of a group has over the second; every group has two.
    winner, second = order[first], order[first + 1]
    reason = np.full(len(first), len(keys), np.int64)
    for number, key in reversed(list(enumerate(keys))):
        reason[key[winner] != key[second]] = number
    return Best(best, reason)


def _keys(rows: pa.Table) -> list[npt.NDArray[np.float64]]:
    """Numbers by which copies are compared, the smaller the better."""
    width, height = (_floats(rows[name], 0.0) for name in ("width", "height"))
    formats = pc.value_counts(rows["format"]).field(0).to_pylist()
    ranks = {name: _FORMATS.get(name or "", _OTHER) for name in formats}
    codes = pc.dictionary_encode(rows["format"], null_encoding="encode").combine_chunks()
    words = codes.dictionary.to_pylist()
    rank = np.array([ranks.get(word, _OTHER) for word in words] or [_OTHER], np.float64)
    names = pc.fill_null(pc.utf8_length(rows["file_name"]), 0)
    return [
        -width * height,
        rank[codes.indices.to_numpy()],
        -_floats(rows["size"], 0.0),
        _floats(rows["mtime"], np.inf),
        _floats(names, 0.0),
    ]


def _floats(column: pa.ChunkedArray, missing: float) -> npt.NDArray[np.float64]:
    filled = pc.fill_null(pc.cast(column, pa.float64()), missing)
    values: npt.NDArray[np.float64] = (
        filled.to_numpy(zero_copy_only=False) if isinstance(filled, pa.Array) else filled.to_numpy()
    )
    return values
