"""How many rows of a dataset are in which states: read of the fragments that have changed alone."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import lance
import numpy as np
import pyarrow as pa

from rayograph.catalog.columns import Space
from rayograph.schema import ImageStatus, StageState

DONE, FAILED, CLAIMED, SKIPPED = (
    int(StageState.DONE),
    int(StageState.FAILED),
    int(StageState.CLAIMED),
    int(StageState.SKIPPED),
)
_STATES = len(StageState)
# Where rows are counted that are out of sight, after those by the states of three stages.
_MISSING, _HIDDEN = _STATES**3, _STATES**3 + 1
Tally = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows are in each pair of stage states, in one snapshot of the table.

    ``pairs[m, e]`` counts rows whose metadata state is m and embedding state is e, so every
    other number is derived from it and they always add up. ``making`` is the same for the vectors
    of a model that is to serve later. Rows whose file is gone are in neither, nor are hidden ones:
    ``missing`` and ``hidden`` count them.
    """

    pairs: Tally
    making: Tally = field(default_factory=lambda: np.zeros((_STATES, _STATES), np.int64))
    missing: int = 0
    hidden: int = 0
    version: int = 0

    @property
    def total(self) -> int:
        return int(self.pairs.sum())

    def stage(self, name: str) -> dict[str, int]:
        """done, failed, skipped and pending of ``metadata``, ``embedding`` or ``reembedding``;
        they add up."""
        pairs = self.making if name == "reembedding" else self.pairs
        if name == "metadata":
            states = pairs.sum(axis=1)
            done, failed, skipped = states[DONE], states[FAILED], states[SKIPPED]
        else:
            states = pairs.sum(axis=0)
            # A file whose header cannot be read is metadata's failure, whichever came to it first.
            done, failed = states[DONE], states[FAILED] - pairs[FAILED, FAILED]
            waiting = pairs[FAILED].sum() - sum(pairs[FAILED, s] for s in (DONE, SKIPPED))
            skipped = states[SKIPPED] + waiting
        total = self.total
        pending = total - int(done) - int(failed) - int(skipped)
        return {
            "done": int(done),
            "failed": int(failed),
            "skipped": int(skipped),
            "pending": pending,
            "total": total,
        }

    def statuses(self, *, embeds: bool) -> dict[ImageStatus, int]:
        """The five counts; without a model an image is ready once its metadata is there."""
        found: dict[ImageStatus, int] = dict.fromkeys(
            ("pending", "indexed", "embedding", "ready", "failed"), 0
        )
        for meta in range(_STATES):
            for embed in range(_STATES):
                count = int(self.pairs[meta, embed])
                if count:
                    found[status_of(meta, embed, embeds=embeds)] += count
        return found


def status_of(meta: int | None, embed: int | None, *, embeds: bool = True) -> ImageStatus:
    """A row's status from its two stage states."""
    meta, embed = meta or 0, embed or 0
    if FAILED in (meta, embed):
        return "failed"
    if meta not in (DONE, SKIPPED):
        return "pending"
    if embed in (DONE, SKIPPED) or not embeds:
        return "ready"
    return "embedding" if embed == CLAIMED else "indexed"


class Counting:
    """Counts versions of one table, with what is known of those before.

    Args:
        space: whose states embedding has.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._counts: tuple[int, Counts] | None = None
        self._parts: dict[Hashable, Tally] = {}

    def counts(self, snapshot: lance.LanceDataset) -> Counts:
        """Rows by pair of stage states."""
        cached = self._counts
        if cached and cached[0] == snapshot.version:
            return cached[1]
        parts = self._count_parts(snapshot)
        flat = sum(parts.values(), np.zeros(_HIDDEN + 1, dtype=np.int64))
        cube = flat[:_MISSING].reshape(_STATES, _STATES, _STATES)
        out = int(flat[_MISSING]), int(flat[_HIDDEN])
        counts = Counts(cube.sum(axis=2), cube.sum(axis=1), *out, snapshot.version)
        self._counts = (snapshot.version, counts)
        return counts

    def forget(self) -> None:
        self._counts, self._parts = None, {}

    def _count_parts(self, snapshot: lance.LanceDataset) -> dict[Hashable, Tally]:
        """Tallies fragment by fragment; one whose files are those counted before is not read."""
        states = ("meta_state", self._space.state, self._space.other.state)
        out = (("hidden", _HIDDEN), ("missing", _MISSING))
        names = [n for n in (*states, *dict(out)) if n in snapshot.schema.names]
        known, parts, unread = self._parts, dict[Hashable, Tally](), dict[int, Hashable]()
        fragments = snapshot.get_fragments()
        for fragment in fragments:
            about = fragment.metadata
            files = tuple(file.path for file in about.files)
            key: Hashable = (fragment.fragment_id, files, str(about.deletion_file))
            if key in known:
                parts[key] = known[key]
            else:
                unread[fragment.fragment_id] = key
        if unread:
            table = snapshot.scanner(
                columns=names,
                fragments=[f for f in fragments if f.fragment_id in unread],
                with_row_address=True,
            ).to_table()
            flat = np.zeros(table.num_rows, np.int64)
            for name in states:
                flat = flat * _STATES + _uint8(table, name)
            for name, place in out:
                if name in names:
                    flat[table[name].fill_null(False).to_numpy()] = place
            homes = table["_rowaddr"].to_numpy() >> np.uint64(32)
            starts = np.searchsorted(homes, np.array([*unread], np.uint64))
            ends = [*starts[1:], len(flat)]
            for read, start, end in zip(unread.values(), starts, ends, strict=True):
                parts[read] = np.bincount(flat[start:end], minlength=_HIDDEN + 1)
        self._parts = parts
        return parts


def _uint8(table: pa.Table, name: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    if name not in table.column_names:
        return np.zeros(table.num_rows, dtype=np.int64)
    states: np.ndarray[Any, np.dtype[np.int64]] = table[name].fill_null(0).to_numpy()
    return states.astype(np.int64)
