"""Rows in an order, and where in it a page ended, whatever has been added or has left since.

A page ends at a row: its value and its id, not its number. In a newer version of the table that
row's place in the order is found again, so that what came before it is never shown twice and
nothing after it is left out.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog.coding import read
from rayograph.catalog.columns import Space
from rayograph.errors import InvalidRequest
from rayograph.where.sorting import Sort

Rows = npt.NDArray[np.int64]
_KEPT = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """The row at which a page ended.

    Args:
        sort: the order's name.
        version: of the table.
        offset: how many rows had been shown then.
        image_id: which row it is.
        value: what it was sorted by.
    """

    sort: str
    version: int
    offset: int
    image_id: str
    value: str | float | bool | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of one version of a table, the first of them the ``start``-th of ``total``."""

    rows: list[dict[str, Any]]
    total: int
    start: int
    version: int


@dataclass(frozen=True, slots=True)
class Order:
    """All rows in an order; ``keys`` are what by, in the table's order (None: as listed)."""

    rows: Rows
    keys: pa.ChunkedArray | None


class Orders:
    """The orders that were asked for last, of the newest version each."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Order] = OrderedDict()

    def order(self, snapshot: lance.LanceDataset, sort: Sort) -> Order:
        """Every row of a snapshot: equal ones as listed, those without a value last."""
        key = (snapshot.version, sort.name)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = self._make(snapshot, sort)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made

    def _make(self, snapshot: lance.LanceDataset, sort: Sort) -> Order:
        count = int(snapshot.count_rows())
        rows = np.arange(count)
        keys = None
        if sort.field is not None:
            keys = read(snapshot, sort.field, self._space.seen(snapshot.schema.names))
        if sort.field is None or keys is None:
            return Order(rows[::-1] if sort.descending and sort.field is None else rows, None)
        if sort.field.kind == "flag":
            keys = pc.fill_null(keys, False)
        direction = "descending" if sort.descending else "ascending"
        order = pc.sort_indices(
            pa.table({"key": keys, "row": rows}),
            sort_keys=[("key", direction), ("row", "ascending")],
        )
        return Order(order.to_numpy().astype(np.int64), keys)


def passed(order: Order, sort: Sort, mark: Mark, place: int) -> npt.NDArray[np.bool_]:
    """For each row of the table whether it comes before the row where a page ended, or is it."""
    rows = np.arange(len(order.rows))
    if order.keys is None:
        return rows >= place if sort.descending and sort.field is None else rows <= place
    known: npt.NDArray[np.bool_] = order.keys.is_valid().to_numpy()
    # A long text is not carried along: it is what the row has.
    carried = mark.value is None and place >= 0
    found = order.keys[place].as_py() if carried else mark.value
    if found is None:
        return known | (rows <= place)
    try:
        value = pa.scalar(found, order.keys.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        raise InvalidRequest("this cursor is none of ours", hint="leave it out to begin") from None
    before = pc.greater(order.keys, value) if sort.descending else pc.less(order.keys, value)
    equal = pc.fill_null(pc.equal(order.keys, value), False).to_numpy()
    ahead: npt.NDArray[np.bool_] = pc.fill_null(before, False).to_numpy()
    done: npt.NDArray[np.bool_] = ahead | (equal & (rows <= place))
    return done
