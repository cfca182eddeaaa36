"""What a ``where`` picks of a dataset: how many rows, which ones, and in which order.

A first page costs a count and the rows on it. Whoever goes on gets the addresses of all that was
picked, kept for as long as the table has not changed, so that paging through costs once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

import lance
import numpy as np
import numpy.typing as npt
from lance.query import FullTextOperator, MatchQuery

from rayograph.catalog.columns import OUT_OF_SIGHT, SPACES, Space
from rayograph.catalog.vocabulary import values_of
from rayograph.errors import NotReady
from rayograph.schema import ImageStatus, StageState
from rayograph.where import Node, Scope, fields_of, full_text, to_sql

Rows = npt.NDArray[np.int64]
StatusOf = Callable[[int, int], ImageStatus]
# Where an index pays at a million rows (docs/decisions/0014). Numbers are looked through sooner
# than most of an index is read.
FILTER_INDICES = {
    "folder": "BITMAP",
    "format": "BITMAP",
    "mode": "BITMAP",
    "meta_state": "BITMAP",
    "embed_state": "BITMAP",
    "meta_error_code": "BITMAP",
    "embed_error_code": "BITMAP",
    "taken_at": "BTREE",
    "content_hash": "BTREE",
    "file_name": "BTREE",
    "tags": "LABEL_LIST",
    "labels": "LABEL_LIST",
    # Nearly every filter leaves out what is missing or hidden: 49 ms beside 2 at a million rows.
    "missing": "BITMAP",
    "hidden": "BITMAP",
    "quality": "LABEL_LIST",
    "camera": "BITMAP",
    "lens": "BITMAP",
    "software": "BITMAP",
    "keywords": "LABEL_LIST",
    "generator": "BITMAP",
    "model_name": "BITMAP",
    "sampler": "BITMAP",
    "model_hash": "BTREE",
    "seed": "BTREE",
    "loras": "LABEL_LIST",
    "cluster": "BITMAP",
}
# Fields that an analysis fills: a column of theirs, and which one.
_WORKED_OUT = {
    "cluster": ("cluster", "clusters"),
    "outlier": ("outlier", "outliers"),
    "area": ("map_x", "map"),
}
_STRAIGHT_ROWS = 2_000
_KEPT_ROWS = 8_000_000


@dataclass(frozen=True, slots=True)
class Filter:
    """A ``where`` of one dataset, or everything. Rows whose file is gone and hidden ones are in it
    only where the ``where`` speaks of them.

    Args:
        node: None for everything.
        status_of: a row's status from its two stage states; it depends on whether there is a
            model.
        space: whose vectors serve.
    """

    node: Node | None
    status_of: StatusOf
    space: Space = SPACES[0]

    def sql(self, snapshot: lance.LanceDataset, node: Node | None = None) -> str:
        """The filter of a scan of this snapshot, of all of it or of one part.

        Raises:
            NotReady: it names what has to be worked out first.
        """
        statuses: dict[str, list[tuple[int, int]]] = {}
        for meta in StageState:
            for embed in StageState:
                pair = int(meta), int(embed)
                statuses.setdefault(self.status_of(*pair), []).append(pair)
        scope = Scope(self.space.seen(snapshot.schema.names), statuses, partial(_values, snapshot))
        asked = node or self.node
        found = "true" if asked is None else to_sql(asked, scope)
        named = frozenset() if self.node is None else fields_of(self.node)
        _check_worked_out(snapshot, named)
        shown = in_sight(snapshot, named)
        if shown is None:
            return found
        return shown if asked is None else f"({found}) and ({shown})"


def _check_worked_out(snapshot: lance.LanceDataset, named: Collection[str]) -> None:
    for name, (column, what) in _WORKED_OUT.items():
        if name in named and column not in snapshot.schema.names:
            has = "has" if what == "map" else "have"
            raise NotReady(
                f"the {what} of this dataset {has} not been worked out yet",
                hint=f"`rayograph {what} DATASET`, the page or GET .../{what} begins it",
            )


def _values(snapshot: lance.LanceDataset, column: str) -> tuple[str, ...] | None:
    if FILTER_INDICES.get(column) != "BITMAP":
        return None
    return values_of(snapshot, column, index_name(column, "BITMAP"))


def present(snapshot: lance.LanceDataset) -> str | None:
    """The filter that leaves out rows whose file is gone; None: the table has had none."""
    return "missing is null or not missing" if "missing" in snapshot.schema.names else None


def in_sight(snapshot: lance.LanceDataset, named: Collection[str] = frozenset()) -> str | None:
    """The filter that leaves out what is out of sight: rows whose file is gone, and hidden ones,
    each unless somebody named them. None: the table has had none."""
    there = [name for name in OUT_OF_SIGHT if name in snapshot.schema.names]
    left_out = [f"({name} is null or not {name})" for name in there if name not in named]
    return " and ".join(left_out) or None


class Picked:
    """What filters pick, remembered for the newest version they were asked of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version = -1
        self._counts: dict[str, int] = {}
        self._rows: OrderedDict[Hashable, Rows] = OrderedDict()

    def count(self, snapshot: lance.LanceDataset, sql: str) -> int:
        """How many rows a compiled filter picks."""
        with self._lock:
            if self._turn(snapshot) and sql in self._counts:
                return self._counts[sql]
        found = int(snapshot.count_rows(sql))
        self._keep(snapshot, lambda: self._counts.__setitem__(sql, found))
        return found

    def rows(self, snapshot: lance.LanceDataset, chosen: Filter) -> Rows:
        """The places of all that a filter picks, in listing order."""
        sql = chosen.sql(snapshot)
        rows = self._known(snapshot, (sql, None))
        if rows is None:
            rows = self._find(snapshot, chosen, sql)
            self._remember(snapshot, (sql, None), rows)
        return rows

    def page(
        self,
        snapshot: lance.LanceDataset,
        chosen: Filter,
        names: list[str],
        *,
        offset: int,
        limit: int,
        order: tuple[str, Callable[[], Rows]] | None = None,
    ) -> tuple[list[dict[str, Any]], int]:
        """Records ``offset`` to ``offset + limit`` of what is picked, and how many that is.

        Args:
            order: the name of an order and what gives all rows of the table in it; default:
                as they were listed.
        """
        sql = chosen.sql(snapshot)
        key = (sql, order[0] if order else None)
        rows = self._known(snapshot, key)
        if rows is None:
            indexed = _indexed_words(snapshot, chosen.node)
            if not indexed and not order and offset + limit <= _STRAIGHT_ROWS:
                return self._straight(snapshot, sql, names, offset=offset, limit=limit)
            rows = self._find(snapshot, chosen, sql)
            if order:
                rows = _ordered(rows, order[1]())
            self._remember(snapshot, key, rows)
        return take(snapshot, rows[offset : offset + limit], names), len(rows)

    def forget(self) -> None:
        with self._lock:
            self._version = -1

    # -- inside -----------------------------------------------------------------------------

    def _straight(
        self,
        snapshot: lance.LanceDataset,
        sql: str,
        names: list[str],
        *,
        offset: int,
        limit: int,
    ) -> tuple[list[dict[str, Any]], int]:
        """A page near the beginning: these rows, and a count unless they are all there are."""
        scan = snapshot.scanner(
            columns=[], filter=sql, offset=offset, limit=limit, with_row_address=True
        )
        rows = places(snapshot, scan.to_table()["_rowaddr"].to_numpy())
        if not offset and len(rows) < limit:
            self._remember(snapshot, (sql, None), rows)
            total = len(rows)
        else:
            total = self.count(snapshot, sql)
        return take(snapshot, rows, names), total

    def _find(self, snapshot: lance.LanceDataset, chosen: Filter, sql: str) -> Rows:
        """The places of all picked rows, in listing order."""
        indexed = _indexed_words(snapshot, chosen.node)
        if indexed is None:
            scan = snapshot.scanner(columns=[], filter=sql, with_row_address=True)
            return places(snapshot, scan.to_table()["_rowaddr"].to_numpy())
        columns, text, rest = indexed
        shown = in_sight(snapshot) if rest is None else chosen.sql(snapshot, rest)
        found = []
        for at, column in enumerate(columns):
            # A column counts where those before it have nothing.
            conditions = [f"{before} is null" for before in columns[:at]]
            conditions += [] if shown is None else [f"({shown})"]
            scan = snapshot.scanner(
                columns=["_score"],
                full_text_query=MatchQuery(text, column, operator=FullTextOperator.AND),
                filter=" and ".join(conditions) or None,
                prefilter=True,
                with_row_address=True,
            )
            found.append(scan.to_table()["_rowaddr"].to_numpy())
        # Found by words they come best first.
        return places(snapshot, np.sort(np.concatenate(found)))

    def _known(self, snapshot: lance.LanceDataset, key: Hashable) -> Rows | None:
        with self._lock:
            rows = self._rows.get(key) if self._turn(snapshot) else None
            if rows is not None:
                self._rows.move_to_end(key)
            return rows

    def _remember(self, snapshot: lance.LanceDataset, key: Hashable, rows: Rows) -> None:
        def put() -> None:
            self._rows[key] = rows
            while sum(map(len, self._rows.values())) > _KEPT_ROWS:
                self._rows.popitem(last=False)

        self._keep(snapshot, put)

    def _keep(self, snapshot: lance.LanceDataset, put: Callable[[], None]) -> None:
        with self._lock:
            # Found out about a version that somebody has moved on from meanwhile.
            if snapshot.version == self._version:
                put()

    def _turn(self, snapshot: lance.LanceDataset) -> bool:
        """Turn to a newer version; whether what is kept is of this one."""
        if snapshot.version > self._version:
            self._version = snapshot.version
            self._counts.clear()
            self._rows.clear()
        return bool(snapshot.version == self._version)


def index_name(column: str, kind: str) -> str:
    return f"{column}_{kind.lower()}"


def places(snapshot: lance.LanceDataset, addresses: npt.NDArray[np.uint64]) -> Rows:
    """Row addresses (fragment id in the upper half, row in the lower) as places in the table."""
    fragments = snapshot.get_fragments()
    if any(fragment.metadata.deletion_file for fragment in fragments):
        # A deleted row has an address, and no place.
        alive = snapshot.scanner(columns=[], with_row_address=True).to_table()
        ranks: Rows = np.searchsorted(alive["_rowaddr"].to_numpy(), addresses)
        return ranks
    homes = (addresses >> np.uint64(32)).astype(np.int64)
    starts = np.zeros(max((f.fragment_id for f in fragments), default=0) + 1, np.int64)
    sizes = [f.physical_rows for f in fragments]
    starts[[f.fragment_id for f in fragments]] = np.cumsum([0, *sizes])[:-1]
    found: Rows = starts[homes] + (addresses & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return found


def take(snapshot: lance.LanceDataset, rows: Rows, names: list[str]) -> list[dict[str, Any]]:
    """Records by their places, in order."""
    if not len(rows):
        return []
    found: list[dict[str, Any]] = snapshot.take(rows.tolist(), columns=names).to_pylist()
    return found


def _ordered(rows: Rows, order: Rows) -> Rows:
    """These rows as they come in an order of all."""
    chosen = np.zeros(len(order), bool)
    chosen[rows] = True
    found: Rows = order[chosen[order]]
    return found


def _indexed_words(
    snapshot: lance.LanceDataset, node: Node | None
) -> tuple[list[str], str, Node | None] | None:
    """The columns to look in, what for, and what else; None: not all of them have an index."""
    found = None if node is None else full_text(node)
    if found is None:
        return None
    of, text, rest = found
    names = {index.name for index in snapshot.describe_indices()}
    there = [name for name in of.sources if name in snapshot.schema.names]
    indexed = there and all(index_name(name, "INVERTED") in names for name in there)
    return (there, text, rest) if indexed else None
