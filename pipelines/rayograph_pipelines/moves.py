"""Files that have moved: the same bytes at a new place, while the old one is empty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rayograph.contents import hashes_of
from rayograph_pipelines.known import Known, Rows

_WORKERS = 4
_EMPTY: Rows = np.zeros(0, np.int64)


class Moves:
    """Keeps new files back that may be old ones, until it is known which rows have lost theirs.

    Sizes are compared first, so that hardly any file is opened; the content's hash decides.

    Args:
        hashes: the content hash of known rows, None where none was taken yet.
    """

    def __init__(self, known: Known, hashes: Callable[[Rows], list[str | None]]) -> None:
        self._known = known
        self._hashes = hashes
        self._held: list[pa.Table] = []

    def hold(self, new: pa.Table) -> pa.Table:
        """Keep back what may have moved; returns the rest."""
        if not new.num_rows:
            return new
        maybe = pc.is_in(new["size"], value_set=self._known.unseen_sizes())
        self._held.append(new.filter(maybe))
        return new.filter(pc.invert(maybe))

    def settle(self, vanished: Rows) -> tuple[Rows, pa.Table, pa.Table]:
        """Rows that have moved, the files they are of now, and the files that are new after all."""
        held = pa.concat_tables(self._held) if self._held else pa.table({"size": []})
        self._held = []
        if not held.num_rows or not len(vanished):
            return _EMPTY, held.slice(0, 0), held
        left = vanished[self._known.sizes[vanished] > 0]
        left = left[np.isin(self._known.sizes[left], held["size"].fill_null(-1).to_numpy())]
        homes = self._by_content(left)
        sizes = pa.array(list({size for size, _ in homes}), pa.int64())
        asked = np.flatnonzero(pc.is_in(held["size"], value_set=sizes).to_numpy())
        files = held.take(pa.array(asked))
        rows, places = [], []
        found = hashes_of(files["uri"].to_pylist(), workers=_WORKERS)
        names, lengths = files["file_name"].to_pylist(), files["size"].to_pylist()
        for at, name, size, text in zip(asked.tolist(), names, lengths, found, strict=True):
            row = self._pick(homes.get((size, text)), name)
            if row is not None:
                rows.append(row)
                places.append(at)
        rest = np.setdiff1d(np.arange(held.num_rows), places)
        return np.array(rows, np.int64), held.take(pa.array(places, pa.int64())), held.take(rest)

    def _by_content(self, rows: Rows) -> dict[tuple[int, str | None], list[int]]:
        found: defaultdict[tuple[int, str | None], list[int]] = defaultdict(list)
        sizes = self._known.sizes[rows].tolist()
        for row, size, text in zip(rows.tolist(), sizes, self._hashes(rows), strict=True):
            # A row nobody has read yet cannot be recognised, and is not guessed at.
            if text is not None:
                found[size, text].append(row)
        return found

    def _pick(self, rows: list[int] | None, name: str) -> int | None:
        """One of several rows of the same bytes: the one of the same name, if there is one."""
        if not rows:
            return None
        names = self._known.table["file_name"]
        at = next((n for n, row in enumerate(rows) if names[row].as_py() == name), 0)
        return rows.pop(at)
