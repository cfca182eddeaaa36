"""What a dataset's rows have in which field, counted for any filter from columns kept as codes.

The codes of a field belong to the files that hold its columns: an edit of tags makes only tags be
read again. While a stage writes, counts of moments ago are given rather than anybody kept waiting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import lance
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog.coding import Coded, Counts, Selection, code
from rayograph.catalog.filters import Filter, StatusOf, in_sight
from rayograph.catalog.folders import Tree, tree
from rayograph.catalog.reader import DatasetReader
from rayograph.where import FIELDS, Field

# How long a request waits for newer counts while there are older ones, and how old those may be.
PATIENCE_S = 0.25
_OLD_S = 30.0
# Counting anew takes at most this share of the time.
_SHARE = 4
_STATES = ("meta_state", "embed_state")


@dataclass(frozen=True)
class Shelf:
    """Fields of one version of a table."""

    snapshot: lance.LanceDataset
    coded: dict[str, Coded]
    tree: Tree | None
    fields: dict[str, Field]
    seen_at: float = field(default_factory=time.monotonic)

    def has(self, of: Field) -> bool:
        """Whether the field is there, worked out as this one is."""
        known = self.fields.get(of.name)
        return known is not None and (known.sql, known.sources) == (of.sql, of.sources)

    def counts(self, name: str, of: Selection | None) -> list[int]:
        """How often each of a field's values occurs, and how many rows have none."""
        found: list[int] = self.coded[name].counts(of).tolist()
        return found

    def places(self, image_ids: pa.Array) -> npt.NDArray[np.int64]:
        """The places of these images among the codes; -1: it is not there (any more)."""
        known = self.snapshot.to_table(columns=["id"])["id"].combine_chunks()
        found = pc.index_in(image_ids, value_set=known).fill_null(-1)
        places: npt.NDArray[np.int64] = found.to_numpy(zero_copy_only=False).astype(np.int64)
        return places

    def folders(self, of: Selection | None) -> tuple[Tree, Counts, int]:
        """The tree, how many rows lie in each of its folders and below, and how many in none."""
        assert self.tree is not None
        counts = self.coded["folder"].counts(of)
        return self.tree, self.tree.totals(counts[:-1]), int(counts[-1])


class Facets:
    """Keeps a dataset's fields for counting; safe to share between threads."""

    def __init__(self, reader: DatasetReader, status_of: StatusOf) -> None:
        self._reader = reader
        self._status_of = status_of
        self._kept: dict[str, tuple[Hashable, Coded]] = {}
        self._tree: tuple[Coded, Tree] | None = None
        self._shelf: Shelf | None = None
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._rest_until = 0.0

    def shelf(self, fields: Sequence[Field]) -> tuple[Shelf, bool]:
        """These fields of the newest version or of one of moments ago; whether it is the newest."""
        newest, last = self._reader.snapshot(), self._shelf
        # What it is worked out by is a part of a field: thresholds of labels change.
        has_all = last is not None and all(last.has(of) for of in fields)
        if last is not None and has_all and last.snapshot.version == newest.version:
            return last, True
        now = time.monotonic()
        if last is None or not has_all or now - last.seen_at > _OLD_S:
            return self._count(newest, fields), True
        if now < self._rest_until:
            return last, False
        done: list[Shelf] = []
        work = threading.Thread(
            target=lambda: done.append(self._count(newest, fields)), daemon=True
        )
        work.start()
        work.join(PATIENCE_S)
        return (done[0], True) if done else (last, False)

    def picked(self, shelf: Shelf, chosen: Filter | None) -> Selection | None:
        """The rows of a shelf's version that a filter picks; None: all that are in sight."""
        if chosen is None and in_sight(shelf.snapshot) is not None:
            chosen = Filter(None, self._status_of, self._reader.space)
        if chosen is None:
            return None
        rows = self._reader.picked(shelf.snapshot, chosen)
        return Selection.of(rows, shelf.snapshot.count_rows())

    def idle(self) -> None:
        """Returns when nothing is being counted."""
        with self._counting:
            pass

    # -- inside -----------------------------------------------------------------------------

    def _count(self, snapshot: lance.LanceDataset, fields: Sequence[Field]) -> Shelf:
        with self._counting:
            began = time.monotonic()
            last = self._shelf
            if last is not None and last.snapshot.version > snapshot.version:
                snapshot = last.snapshot
            # What was counted before is kept up with: it will be asked for again.
            wanted = {of.name: of for of in FIELDS if last and of.name in last.coded}
            wanted |= {of.name: of for of in fields}
            columns = self._reader.space.seen(snapshot.schema.names)
            marks = _marks(snapshot)
            coded = {name: self._coded(snapshot, of, columns, marks) for name, of in wanted.items()}
            shelf = Shelf(snapshot, coded, self._as_tree(coded.get("folder")), wanted)
            self._shelf = shelf
            took = time.monotonic() - began
            self._rest_until = began + took * (1 + _SHARE)
            return shelf

    def _coded(
        self,
        snapshot: lance.LanceDataset,
        of: Field,
        columns: dict[str, str],
        mark: Callable[[str], Hashable],
    ) -> Coded:
        sources = _STATES if of.name == "status" else of.sources
        key = tuple(mark(columns[name]) for name in sources if name in columns) or mark("id")
        key = (of.sql, key)
        kept = self._kept.get(of.name)
        if kept is None or kept[0] != key:
            kept = self._kept[of.name] = key, code(snapshot, of, columns, self._status_of)
        return kept[1]

    def _as_tree(self, coded: Coded | None) -> Tree | None:
        if coded is None:
            return None
        if self._tree is None or self._tree[0] is not coded:
            self._tree = coded, tree(coded.labels)
        return self._tree[1]


def _marks(snapshot: lance.LanceDataset) -> Callable[[str], Hashable]:
    """For a column what says in which files its rows are: the same as long as they are."""
    ids = {each.name(): each.id() for each in snapshot.lance_schema.fields()}
    fragments = [fragment.metadata for fragment in snapshot.get_fragments()]

    def mark(column: str) -> Hashable:
        of = ids.get(column)
        return column, tuple(
            (
                about.id,
                about.physical_rows,
                str(about.deletion_file),
                tuple(file.path for file in about.files if of in file.fields),
            )
            for about in fragments
        )

    return mark
