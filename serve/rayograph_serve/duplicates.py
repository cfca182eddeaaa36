"""Groups of duplicates as pages, with what people decided about them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph import ids
from rayograph.analysis.answers import Decide, DuplicateGroup, DuplicateImage
from rayograph.analysis.asked import Likeness
from rayograph.analysis.best import REASONS
from rayograph.catalog import Catalog, DatasetRow
from rayograph.catalog.analyses import Result
from rayograph.catalog.decisions import Decisions
from rayograph.errors import ImageNotFound, NotReady
from rayograph.schema import ImageRecord
from rayograph_serve.living import Living

Ints = npt.NDArray[np.int64]
# Of a group of thousands the page shows so many; its size is said.
SHOWN = 50
_KEPT = 32


@dataclass(frozen=True, slots=True)
class _View:
    """A result's groups of one kind: the rows whose images are there, where among them each group
    begins and ends, and which are shown."""

    rows: Ints
    starts: Ints
    ends: Ints
    groups: Ints


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Some groups: (number, size, its first rows), how many there are, and of how many images."""

    groups: list[tuple[int, int, list[dict[str, Any]]]]
    total: int
    images: int
    decisions: dict[tuple[str, str], str]

    @property
    def ids(self) -> list[str]:
        return [row["id"] for _, _, rows in self.groups for row in rows]


class Duplicates:
    """Reads results and decisions of any dataset; safe to share between threads."""

    def __init__(self, catalog: Catalog, living: Living) -> None:
        self._catalog = catalog
        self._living = living
        self._views: OrderedDict[tuple[object, ...], _View] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, row: DatasetRow, result: Result, start: int, limit: int, show: str) -> GroupPage:
        """Groups ``start`` to ``start + limit`` of those to ``show``: open, decided or all."""
        book = self._catalog.analyses.decisions(row.dataset_id).read()
        view = self._view(row, result, book, show)
        chosen = view.groups[start : start + limit].tolist()
        found = []
        for group in chosen:
            first, end = int(view.starts[group]), int(view.ends[group])
            rows = result.take(view.rows[first : min(end, first + SHOWN)])
            found.append((group, end - first, rows.to_pylist()))
        return GroupPage(found, len(view.groups), len(view.rows), book.by_pair)

    def items(
        self, page: GroupPage, kind: Likeness, records: dict[str, ImageRecord]
    ) -> list[DuplicateGroup]:
        """The API's groups; an image that is gone since is left out."""
        return [_item(group, kind, page, records) for group in page.groups]

    def decide(self, row: DatasetRow, decide: Decide) -> int:
        """Note a decision on images of a group; returns how many pairs of contents it is about.

        Raises:
            ImageNotFound: one of them is not in the dataset.
            NotReady: the content of one has not been read yet.
        """
        wanted = list(dict.fromkeys([decide.best_id, *decide.image_ids]))
        hashes = self._hashes(row, wanted)
        best = hashes[decide.best_id]
        others = [hashes[key] for key in decide.image_ids if key != decide.best_id]
        pairs = [(other, best) for other in others]
        if decide.decision in ("not_duplicates", None):
            distinct = sorted({best, *others})
            pairs += [(a, b) for a, b in combinations(distinct, 2)]
        if decide.decision == "not_duplicates":
            pairs = [(min(pair), max(pair)) for pair in pairs]
        pairs = list(dict.fromkeys(pairs))
        if pairs:
            book = self._catalog.analyses.decisions(row.dataset_id)
            book.decide(pairs, decide.decision)
            self._catalog.hider(row.dataset_id).settle()
        return len(pairs)

    # -- inside -------------------------------------------------------------------------------

    def _hashes(self, row: DatasetRow, wanted: list[str]) -> dict[str, str]:
        if any(ids.dataset_of(key) != row.dataset_id for key in wanted):
            raise ImageNotFound("one of these images is not in this dataset")
        reader = self._catalog.reader(row.dataset_id)
        records = {record["id"]: record.get("content_hash") for record in reader.records(wanted)}
        missing = [key for key in wanted if key in records and records[key] is None]
        if missing:
            prints = self._catalog.analyses.side(row.dataset_id, "fingerprints", missing)
            for one in prints.to_pylist() if prints is not None else ():
                records[one["id"]] = one["content_hash"]
        for key in wanted:
            if key not in records:
                raise ImageNotFound(f"no image {key!r} in this dataset")
            if records[key] is None:
                raise NotReady("the content of an image is not known yet", hint="try again later")
        return {key: str(records[key]) for key in wanted}

    def _view(self, row: DatasetRow, result: Result, book: Decisions, show: str) -> _View:
        # Hidden ones are what this is about.
        rows = self._living.rows(self._catalog.reader(row.dataset_id), result, hidden=True)
        left = None if rows is None else hash(rows.tobytes())
        key = (row.dataset_id, result.about.made_at, result.version, book.version, show, left)
        with self._lock:
            known = self._views.get(key)
        if known is None:
            known = _viewed(result, rows, book, show)
            with self._lock:
                self._views[key] = known
                while len(self._views) > _KEPT:
                    self._views.popitem(last=False)
        return known


def _viewed(result: Result, rows: Ints | None, book: Decisions, show: str) -> _View:
    group = result.column("group").to_numpy()
    count = int(group[-1]) + 1 if len(group) else 0
    rows = np.arange(len(group)) if rows is None else rows
    # One that is left alone is no group any more.
    sizes = np.bincount(group[rows], minlength=count)
    rows = rows[sizes[group[rows]] > 1]
    left = group[rows]
    starts = np.searchsorted(left, np.arange(count))
    ends = np.searchsorted(left, np.arange(count), side="right")
    there = np.flatnonzero(sizes > 1)
    if show == "all":
        return _View(rows, starts, ends, there)
    decided = np.zeros(count, bool)
    if book.by_pair:
        decided[_decided(result, rows, left, book)] = True
    return _View(rows, starts, ends, there[decided[there] == (show == "decided")])


def _decided(
    result: Result, rows: Ints, group: npt.NDArray[np.int32], book: Decisions
) -> list[int]:
    """Groups of which all but the first, which is the best, have been decided about."""
    named = pa.array(sorted({one for pair in book.by_pair for one in pair}))
    contents = result.column("content_hash").take(pa.array(rows))
    touched = np.unique(group[pc.is_in(contents, value_set=named).to_numpy()])
    found = []
    for number in touched.tolist():
        first, end = np.searchsorted(group, [number, number + 1])
        best, *others = contents.slice(first, end - first).to_pylist()
        if all((other, best) in book.by_pair for other in others):
            found.append(number)
    return found


def _item(
    group: tuple[int, int, list[dict[str, Any]]],
    kind: Likeness,
    page: GroupPage,
    records: dict[str, ImageRecord],
) -> DuplicateGroup:
    number, size, rows = group
    # Where the best is gone, the one that was nearest to it stands in, for no reason of its own.
    best = rows[0] if rows else None
    images = [
        DuplicateImage(
            image=records[row["id"]],
            distance=round(row["distance"], 6),
            decision=_decision(row, best, page),
        )
        for row in rows
        if row["id"] in records
    ]
    return DuplicateGroup(
        group_id=number,
        kind=kind,
        size=size,
        best=best["id"] if best else None,
        reason=REASONS[best["reason"]] if best and best["reason"] is not None else None,
        images=images,
    )


def _decision(row: dict[str, Any], best: dict[str, Any] | None, page: GroupPage) -> Any:
    if best is None or row["id"] == best["id"]:
        return None
    return page.decisions.get((row["content_hash"], best["content_hash"]))
