"""Reading a dataset: pages, counts, single images, failures and search, each from one snapshot."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog import columns
from rayograph.catalog.columns import SPACES, Space
from rayograph.catalog.counts import CLAIMED, DONE, FAILED, Counting, Counts, status_of
from rayograph.catalog.filters import Filter, Picked, in_sight, places, present, take
from rayograph.catalog.nearest import find_nearest
from rayograph.catalog.ordering import Mark, Orders, Page, passed
from rayograph.errors import ImageNotFound, NotReady
from rayograph.where.sorting import Sort, parse_sort

# One version of a dataset's table.
Snapshot = lance.LanceDataset
# A page of images is without what only a single image's record holds.
_LONG = ("parameters", "annotations")
_RECORD = [
    *columns.LISTING.names,
    *(name for name in columns.METADATA.names if name not in (*_LONG, "meta_version")),
    *columns.CURATION.names,
    *(name for name in columns.ANNOTATIONS.names if name not in _LONG),
    *columns.REGION.names,
    *columns.QUALITY.names[:-1],
    *columns.MISSING.names,
    *columns.HIDDEN.names,
    *columns.CLUSTER.names,
    *columns.OUTLIER.names,
]


class DatasetReader:
    """A dataset's rows. Each call reads one snapshot: the newest when the call began.

    Args:
        space: whose vectors, and whose states and errors, the rows speak of.
    """

    def __init__(self, dataset_id: str, uri: str, space: Space = SPACES[0]) -> None:
        self.dataset_id = dataset_id
        self.space = space
        self._dataset = lance.dataset(uri)
        self._lock = threading.Lock()
        self._counting = Counting(space)
        self._orders = Orders(space)
        self._picked = Picked()
        self._values: dict[str, tuple[int, list[str]]] = {}

    def snapshot(self) -> lance.LanceDataset:
        """The newest version; caches (indices, metadata) are shared between versions."""
        with self._lock:
            latest = self._dataset.latest_version
            if latest != self._dataset.version:
                self._dataset = self._dataset.checkout_version(latest)
            return self._dataset

    def total(self) -> int:
        """Rows, those whose file is gone included."""
        return int(self.snapshot().count_rows())

    def counts(self) -> Counts:
        """Rows by pair of stage states."""
        return self._counting.counts(self.snapshot())

    def page(
        self, *, offset: int, limit: int, sort: str | None = None, where: Filter | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """Records ``offset`` to ``offset + limit`` in listing order or sorted, and the total.

        With ``where`` of what it picks, and how many it picks.
        """
        page = self.page_from(offset, limit=limit, sort=parse_sort(sort), where=where)
        return page.rows, page.total

    def page_from(
        self, start: int | Mark, *, limit: int, sort: Sort, where: Filter | None = None
    ) -> Page:
        """``limit`` records from an offset on, or after where another page ended."""
        snapshot = self.snapshot()
        if where is None and in_sight(snapshot) is not None:
            where = Filter(None, status_of, self.space)
        if isinstance(start, Mark):
            start = self._after(snapshot, start, sort, where)
        names = self._present(snapshot)
        by_listing = sort.name == "listed"
        if where is not None:
            everything = self._orders.order
            order = None if by_listing else (sort.name, lambda: everything(snapshot, sort).rows)
            rows, total = self._picked.page(
                snapshot, where, names, offset=start, limit=limit, order=order
            )
            return Page(self._records(rows), total, start, snapshot.version)
        total = int(snapshot.count_rows())
        if start >= total:
            return Page([], total, start, snapshot.version)
        if by_listing:
            table = snapshot.scanner(columns=names, offset=start, limit=limit).to_table()
        else:
            wanted = self._orders.order(snapshot, sort).rows[start : start + limit]
            table = snapshot.take(wanted.tolist(), columns=names)
        return Page(self._records(table.to_pylist()), total, start, snapshot.version)

    def _after(
        self, snapshot: lance.LanceDataset, mark: Mark, sort: Sort, where: Filter | None
    ) -> int:
        """How many rows come before the first one after a mark, in this version of the table."""
        if mark.version == snapshot.version:
            return mark.offset
        found = self.rows([mark.image_id], ["id"])["_rowaddr"].to_numpy()
        if not len(found) and sort.field is None:
            return mark.offset
        place = int(places(snapshot, found)[0]) if len(found) else -1
        before = passed(self._orders.order(snapshot, sort), sort, mark, place)
        if where is not None:
            before = before[self._picked.rows(snapshot, where)]
        return int(before.sum())

    def picked(self, snapshot: lance.LanceDataset, where: Filter) -> np.ndarray[Any, Any]:
        """The places, in listing order, of all rows that a filter picks of a snapshot."""
        return self._picked.rows(snapshot, where)

    def record(self, image_id: str) -> dict[str, Any]:
        """One image's record, with what is too long for a page of them."""
        snapshot = self.snapshot()
        more = [name for name in _LONG if name in snapshot.schema.names]
        rows = self.rows([image_id], [*self._present(snapshot), *more])
        if not rows.num_rows:
            raise ImageNotFound(f"no image {image_id!r} in this dataset")
        return self._records(rows.to_pylist())[0]

    def records(self, image_ids: Sequence[str]) -> list[dict[str, Any]]:
        """The records of these ids, in their order; unknown ones are left out."""
        found = self.rows(image_ids, None)
        by_id = {row["id"]: row for row in self._records(found.to_pylist())}
        return [by_id[key] for key in image_ids if key in by_id]

    def rows(self, image_ids: Sequence[str], names: Sequence[str] | None) -> pa.Table:
        """Columns (default: the record's) of these ids, with ``_rowaddr``."""
        snapshot = self.snapshot()
        quoted = ",".join(f"'{key}'" for key in image_ids if key.isascii() and "'" not in key)
        return snapshot.scanner(
            columns=list(names or self._present(snapshot)),
            filter=f"id in ({quoted or _EMPTY})",
            with_row_address=True,
        ).to_table()

    def failures(
        self, *, offset: int, limit: int, code: str | None, where: Filter | None = None
    ) -> tuple[list[dict[str, Any]], int, dict[str, int]]:
        """Failed records from ``offset`` on, how many there are, and how many for each reason."""
        snapshot = self.snapshot()
        names = self._present(snapshot)
        failed = f"meta_state = {FAILED}"
        if self.space.state in names:
            failed += f" or {self.space.state} = {FAILED}"
        shown = in_sight(snapshot) if where is None else where.sql(snapshot)
        if shown is not None:
            failed = f"({failed}) and ({shown})"
        codes = [n for n in ("meta_error_code", self.space.error_code) if n in names]
        table = snapshot.scanner(columns=codes, filter=failed, with_row_address=True).to_table()
        reason = pc.coalesce(*(table[n] for n in codes)) if table.num_rows else pa.array([], "str")
        counted = pc.value_counts(reason).to_pylist() if table.num_rows else []
        reasons = {str(item["values"]): int(item["counts"]) for item in counted}
        if code is not None and table.num_rows:
            table = table.filter(pc.equal(reason, code))
        wanted = table["_rowaddr"].slice(offset, limit)
        rows = self._records(take(snapshot, places(snapshot, wanted.to_numpy()), names))
        return rows, table.num_rows, reasons

    def pending(self, stage: str, fragment_id: int, names: Sequence[str]) -> pa.Table:
        """Rows of one fragment this stage has still to do, with ``_rowaddr``."""
        snapshot = self.snapshot()
        fragment = snapshot.get_fragment(fragment_id)
        state = columns.STATE[stage]
        todo = "true"
        if state in snapshot.schema.names:
            todo = f"({state} is null or {state} in (0, {CLAIMED}))"
        if stage != "metadata":
            todo += f" and (meta_state is null or meta_state != {FAILED})"
        shown = present(snapshot)
        if shown is not None:
            todo += f" and ({shown})"
        return fragment.scanner(columns=list(names), filter=todo, with_row_address=True).to_table()

    def outdated(self, fragment_id: int, version: int, names: Sequence[str]) -> pa.Table:
        """Rows of one fragment whose metadata an earlier version read, with ``_rowaddr``."""
        state = columns.STATE["metadata"]
        old = f"{state} = {DONE} and (meta_version is null or meta_version < {version})"
        fragment = self.snapshot().get_fragment(fragment_id)
        return fragment.scanner(columns=list(names), filter=old, with_row_address=True).to_table()

    def unmeasured(self, fragment_id: int, names: Sequence[str], *, embeds: bool) -> pa.Table:
        """Rows of one fragment that can be decoded and whose quality nobody has looked at, with
        ``_rowaddr``; of those that are to have a vector only such as have one."""
        snapshot = self.snapshot()
        todo = f"meta_state = {DONE}"
        if embeds:
            there = self.space.state in snapshot.schema.names
            todo += f" and {self.space.state} = {DONE}" if there else " and false"
        if "quality_state" in snapshot.schema.names:
            todo += " and quality_state is null"
        if present(snapshot) is not None:
            todo += f" and ({present(snapshot)})"
        fragment = snapshot.get_fragment(fragment_id)
        return fragment.scanner(columns=list(names), filter=todo, with_row_address=True).to_table()

    def measured(self, fragment_id: int) -> pa.Table:
        """The quality of one fragment's rows that have one, and their sizes, with ``_rowaddr``."""
        snapshot = self.snapshot()
        names = [*columns.QUALITY.names, "width", "height"]
        if "quality_state" not in snapshot.schema.names:
            return pa.table({})
        fragment = snapshot.get_fragment(fragment_id)
        known = f"quality_state = {DONE}"
        return fragment.scanner(columns=names, filter=known, with_row_address=True).to_table()

    def fragments(self) -> list[tuple[int, int]]:
        """(fragment id, physical rows) in listing order."""
        return [(f.fragment_id, f.physical_rows) for f in self.snapshot().get_fragments()]

    def values(self, name: str, most: int = 200) -> list[str]:
        """What a text column holds, the most frequent first."""
        snapshot = self.snapshot()
        known = self._values.get(name)
        if known is None or known[0] != snapshot.version:
            if name not in snapshot.schema.names:
                return []
            column = snapshot.to_table(columns=[name])[name]
            if pa.types.is_list(column.type):
                column = pc.list_flatten(column)
            found = pc.value_counts(column.drop_null())
            found = found.filter(pc.not_equal(found.field(0), ""))
            best = found.take(pc.sort_indices(found.field(1), [("", "descending")])[:most])
            known = self._values[name] = snapshot.version, best.field(0).to_pylist()
        return known[1]

    def column(self, name: str) -> pa.ChunkedArray:
        return self.snapshot().to_table(columns=[name])[name]

    def batches(self, names: Sequence[str], rows: int = 8192) -> Iterator[pa.RecordBatch]:
        """The whole dataset, streamed."""
        yield from self.snapshot().to_batches(columns=list(names), batch_size=rows)

    def vector(self, image_id: str) -> np.ndarray[Any, Any]:
        """An image's own vector, fp16.

        Raises:
            NotReady: it has none yet.
        """
        if self.space.vector not in self.snapshot().schema.names:
            raise NotReady("no image of this dataset has a vector yet")
        table = self.rows([image_id], [self.space.vector])
        if table.num_rows == 0:
            raise ImageNotFound(f"no image {image_id!r} in this dataset")
        vector = table[self.space.vector][0].values
        if vector is None:
            raise NotReady("this image has no vector yet", hint="try again when it is ready")
        return np.asarray(vector.to_numpy(zero_copy_only=False), dtype=np.float16)

    def search(
        self,
        vector: np.ndarray[Any, Any],
        *,
        k: int,
        refine: int = 10,
        where: Filter | None = None,
    ) -> tuple[list[dict[str, Any]], list[float], int, int]:
        """The k nearest images by cosine, of those that ``where`` picks.

        Returns:
            Records, similarities (-1 to 1), how many images were searched, and the total.
        """
        snapshot = self.snapshot()
        self.require_vectors(snapshot)
        searched, total = self.coverage(snapshot, where)
        at = snapshot, self.space, vector
        found = find_nearest(*at, k=k, refine=refine, where=where, picked=total)
        return self.records_at(snapshot, found.addresses), found.scores, searched, total

    def require_vectors(self, snapshot: lance.LanceDataset) -> None:
        """Make sure that there is something to search.

        Raises:
            NotReady: no row has a vector yet.
        """
        if self.space.vector not in snapshot.schema.names:
            raise NotReady("no image of this dataset has a vector yet")

    def records_at(
        self, snapshot: lance.LanceDataset, addresses: Sequence[int]
    ) -> list[dict[str, Any]]:
        """The records of these rows of a snapshot, in their order."""
        found = places(snapshot, np.asarray(addresses, np.uint64))
        return self._records(take(snapshot, found, self._present(snapshot)))

    def coverage(self, snapshot: lance.LanceDataset, where: Filter | None) -> tuple[int, int]:
        """How many images have a vector, of those that a filter picks, and how many it picks."""
        if where is None:
            counts = self.counts()
            return counts.stage("embedding")["done"], counts.total
        picked = where.sql(snapshot)
        done = f"({picked}) and {self.space.state} = {DONE}"
        return self._picked.count(snapshot, done), self._picked.count(snapshot, picked)

    def _present(self, snapshot: lance.LanceDataset) -> list[str]:
        """A record's columns, as far as the table has them yet."""
        of_vectors = [name for name in self.space.names.values() if name != self.space.vector]
        names = set(snapshot.schema.names)
        return [name for name in (*_RECORD, *of_vectors) if name in names]

    def _records(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [self.space.plain(row) for row in rows]


_EMPTY = "''"
