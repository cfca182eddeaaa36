"""Which rows of an analysis' result are of images that are still there to be seen.

A result is kept as it was worked out. What is gone, missing or hidden since is left out when it is
read, so that neither a page nor a count holds what the listing does not.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog import DatasetReader
from rayograph.catalog.analyses import Result, marks
from rayograph.catalog.columns import OUT_OF_SIGHT
from rayograph.catalog.filters import in_sight

Rows = npt.NDArray[np.int64]
_KEPT = 32


class _Known(NamedTuple):
    """What was found out, and of what: rows that are added do not change it."""

    out: str
    fragments: frozenset[tuple[int, str]]
    rows: Rows | None


class Living:
    """Of any result the rows whose images are there; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, _Known] = OrderedDict()

    def rows(self, reader: DatasetReader, result: Result, *, hidden: bool = False) -> Rows | None:
        """The places of a result's rows, in its order; None: all of them.

        Args:
            hidden: whether hidden images belong to them.
        """
        snapshot = reader.snapshot()
        key = (reader.dataset_id, result.uri, result.about.made_at, hidden)
        out = marks(snapshot, [*OUT_OF_SIGHT])
        fragments = frozenset(
            (each.fragment_id, str(each.metadata.deletion_file))
            for each in snapshot.get_fragments()
        )
        with self._lock:
            known = self._kept.get(key)
        if known is not None and known.out == out and known.fragments <= fragments:
            return known.rows
        sql = in_sight(snapshot, {"hidden"} if hidden else ())
        there = snapshot.to_table(columns=["id"], filter=sql)["id"].combine_chunks()
        alive = pc.is_in(result.column("id"), value_set=there).to_numpy()
        found = None if alive.all() else np.flatnonzero(alive)
        with self._lock:
            self._kept[key] = _Known(out, fragments, found)
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found


def page(
    result: Result, rows: Rows | None, start: int, limit: int, names: list[str] | None = None
) -> tuple[pa.Table, int]:
    """``limit`` of the rows that are there, from ``start`` on; and how many there are."""
    if rows is None:
        return result.page(start, limit, names), result.rows
    chosen = rows[start : start + limit]
    if not len(chosen):
        return result.page(0, 0, names), len(rows)
    return result.take(chosen, names), len(rows)
