"""The one committer of a dataset: gathers stages' results and publishes them as column files.

Stages hand in rows in any order, also twice; the committer merges them into whole-fragment
columns and commits every so often. Killed, it loses only what it had not published: the table
still says those rows are pending, so they are simply done again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph.catalog import DatasetWriter, Space
from rayograph.catalog.columns import QUALITY, QUALITY_STAGE, SPACES, space_of
from rayograph.catalog.rows import split
from rayograph.catalog.writer import claim, merge_group, unclaim
from rayograph.settings import IndexSettings

log = logging.getLogger(__name__)
Offsets = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
# A fragment with vectors or long texts is rewritten whole each time it is published: wait until it
# has grown by this share, but no longer than this.
_GROWTH = 0.25
_PATIENCE_S = 4.0
_LIGHT_BYTES = 8 << 20
_MAX_FRAGMENTS = 64
# Their vectors are in memory while they are written again.
_REDONE_FRAGMENTS = 8


@dataclass(slots=True)
class _Part:
    """What is known of one fragment's columns of one stage."""

    base: pa.Table
    # One flag a row: a million rows are expected at once, which sets would not hold cheaply.
    waiting: Flags = field(default_factory=lambda: np.zeros(0, bool))
    waiting_rows: int = 0
    new: list[tuple[Offsets, pa.Table]] = field(default_factory=list)
    new_rows: int = 0
    done_rows: int = 0
    published_at: float = 0.0
    # Rows in the table are marked as being worked on; the mark must not outlive the round.
    claims: bool = False

    def expect(self, offsets: Offsets) -> None:
        missing = int(offsets.max(initial=-1)) + 1 - len(self.waiting)
        if missing > 0:
            self.waiting = np.concatenate([self.waiting, np.zeros(missing, bool)])
        self.waiting[offsets] = True
        self.waiting_rows = int(self.waiting.sum())

    def arrived(self, offsets: Offsets) -> None:
        self.waiting[offsets[offsets < len(self.waiting)]] = False
        self.waiting_rows = int(self.waiting.sum())

    def expect_nothing(self) -> None:
        self.waiting, self.waiting_rows = np.zeros(0, bool), 0

    @property
    def dirty(self) -> bool:
        return bool(self.new_rows) or (self.claims and not self.waiting_rows)

    def due(self, now: float, interval_s: float, stage: str) -> bool:
        if not self.dirty:
            return False
        age = now - self.published_at
        if not self.waiting_rows:
            return True
        if stage == "metadata" and self.base.nbytes < _LIGHT_BYTES:
            return age >= interval_s
        grown = self.new_rows >= _GROWTH * self.done_rows
        return age >= interval_s and (grown or age >= _PATIENCE_S)


class Committer:
    """Publishes what stages produce; safe to call from any thread.

    Also keeps the vector index: results gather in memory while it is built, so that no commit
    takes rows out of it meanwhile.

    Args:
        interval_s: the shortest time between two commits of one fragment.
        on_commit: called after each commit, from any thread; must not call back in.
        index: when the vector index is built and extended.
        space: where the vectors go whose index is kept.
    """

    def __init__(
        self,
        writer: DatasetWriter,
        *,
        interval_s: float,
        on_commit: Callable[[], object],
        index: IndexSettings | None = None,
        space: Space = SPACES[0],
    ) -> None:
        self._writer = writer
        self._interval_s = interval_s
        self._index = index or IndexSettings()
        self.space = space
        self._new_vectors = 0
        self._on_commit = on_commit
        self._parts: dict[tuple[str, int], _Part] = {}
        self._wake = threading.Condition()
        self._writing = threading.Lock()
        self._stopping = False
        self._room: tuple[Space, int] | None = None
        # Rows whose files have changed: what comes of them from before that is worth nothing.
        self._void: dict[tuple[str, int], Flags] = {}
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._loop, name="committer", daemon=True)
        self._thread.start()

    def append(self, rows: pa.Table, *, fragment_rows: int) -> None:
        """Append listed rows."""
        with self._writing:
            self._writer.append(rows, fragment_rows=fragment_rows)
        self._on_commit()

    def fill(self, columns: Mapping[int, pa.Table]) -> None:
        """Replace a group of columns that no stage has, of whole fragments."""
        with self._writing:
            self._writer.fill(columns)
        self._on_commit()

    def keep_extras(self, schema: pa.Schema) -> None:
        """Give the table exactly these columns of a manifest."""
        with self._writing:
            self._writer.keep_extras(schema)

    def expect(self, stage: str, work: Mapping[int, Offsets]) -> None:
        """Say which rows of which fragments a round will bring, so it knows when one is full."""
        with self._wake:
            for fragment, offsets in work.items():
                self._part(stage, fragment).expect(offsets)
                void = self._void.get((stage, fragment))
                if void is not None:
                    void[offsets[offsets < len(void)]] = False

    def put(self, stage: str, rows: pa.Table) -> None:
        """Take results; ``_rowaddr`` names each row's place. Too late, they are left to a next run.

        Raises:
            Exception: whatever made the last commit fail (a full disk, a lost store).
        """
        addresses = rows["_rowaddr"].to_numpy().astype(np.uint64)
        fragments = (addresses >> np.uint64(32)).astype(np.int64)
        offsets = (addresses & np.uint64(0xFFFFFFFF)).astype(np.int64)
        space = space_of(stage)
        if space is not None:
            self._make_room(space, rows.schema.field("vector").type.list_size)
            rows = space.named(rows)
        with self._wake:
            if self._error is not None:
                raise self._error
            if self._stopping:
                return
            for fragment in np.unique(fragments).tolist():
                chosen = np.flatnonzero(fragments == fragment)
                chosen = chosen[~self._is_void(stage, fragment, offsets[chosen])]
                if not len(chosen):
                    continue
                part = self._part(stage, fragment)
                part.new.append((offsets[chosen], rows.take(pa.array(chosen))))
                part.new_rows += len(chosen)
                part.arrived(offsets[chosen])
            self._wake.notify()

    def change(self, work: Callable[[], object]) -> None:
        """Have something else written to the table, in turn with the commits."""
        with self._writing:
            work()
        self._on_commit()

    def redo(self, addresses: npt.NDArray[np.uint64]) -> None:
        """Make rows pending again whose files have changed: what was known of them goes at once.

        What is still on its way was taken from the files before; it is dropped when it comes.
        """
        for stage in self._writer.stages():
            group = self._writer.group(stage)
            nothing = [pa.nulls(len(addresses), f.type) for f in group]
            rows = pa.table(nothing, schema=group)
            rows = rows.append_column("_rowaddr", pa.array(addresses, pa.uint64()))
            todo = [*split(rows).items()]
            for start in range(0, len(todo), _REDONE_FRAGMENTS):
                with self._wake:
                    due = {
                        (stage, fragment): self._blank(stage, fragment, offsets, blank)
                        for fragment, (offsets, blank) in todo[start : start + _REDONE_FRAGMENTS]
                    }
                self._publish(due)

    def flush(self, stage: str | None = None) -> None:
        """Publish everything taken so far and forget what is still expected."""
        with self._wake:
            if self._error is not None:
                raise self._error
            chosen = {
                key: part for key, part in self._parts.items() if stage is None or key[0] == stage
            }
            for part in chosen.values():
                part.expect_nothing()
        self._publish(chosen)
        with self._wake:
            for key, part in chosen.items():
                self._drop(key, part)

    def keep_index(self) -> None:
        """Build or extend the vector index where that pays; without it search is only slower."""
        with self._writing:
            self._new_vectors = 0
            try:
                self._writer.keep_index(self.space, self._index)
            except Exception:
                log.exception("the vector index could not be built; a later commit tries again")

    def close(self) -> None:
        """Flush and end the thread.

        Raises:
            Exception: whatever made a commit fail.
        """
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()
        self.flush()

    # -- inside -----------------------------------------------------------------------------

    def _measured(self, fragment: int, new: list[tuple[Offsets, pa.Table]]) -> pa.Table:
        """A fragment's quality with what came beside its vectors."""
        table = self._writer.read_group(QUALITY_STAGE, fragment)
        rows = pa.concat_tables([rows.select(QUALITY.names).cast(QUALITY) for _, rows in new])
        return merge_group(table, np.concatenate([at for at, _ in new]), rows)

    def _part(self, stage: str, fragment: int) -> _Part:
        part = self._parts.get((stage, fragment))
        if part is None:
            part = self._parts[stage, fragment] = _Part(pa.table({}))
        return part

    def _blank(self, stage: str, fragment: int, offsets: Offsets, blank: pa.Table) -> _Part:
        part = self._part(stage, fragment)
        part.new.append((offsets, blank))
        part.new_rows += len(offsets)
        part.arrived(offsets)
        void = self._void.get((stage, fragment), np.zeros(0, bool))
        short = int(offsets.max()) + 1 - len(void)
        void = self._void[stage, fragment] = np.concatenate([void, np.zeros(max(short, 0), bool)])
        void[offsets] = True
        return part

    def _is_void(self, stage: str, fragment: int, offsets: Offsets) -> Flags:
        void = self._void.get((stage, fragment), np.zeros(0, bool))
        return np.concatenate([void, [False]])[np.minimum(offsets, len(void))]

    def _drop(self, key: tuple[str, int], part: _Part) -> None:
        """Forget a part that holds nothing; another one may have taken its place already."""
        if self._parts.get(key) is part and not part.dirty and not part.waiting_rows:
            del self._parts[key]

    def _make_room(self, space: Space, dim: int) -> None:
        # Once made, no result waits for a commit or an index that is being written.
        if self._room == (space, dim):
            return
        with self._writing:
            # Nothing may be written once the run has let go of the dataset.
            if self._room != (space, dim) and not self._stopping:
                self._writer.add_vector_columns(space, dim)
                self._room = (space, dim)

    def _loop(self) -> None:
        while True:
            with self._wake:
                if self._stopping:
                    return
                now = time.monotonic()
                due = {k: p for k, p in self._parts.items() if p.due(now, self._interval_s, k[0])}
                if not due:
                    dirty = any(p.dirty for p in self._parts.values())
                    self._wake.wait(self._interval_s if dirty else None)
                    continue
            try:
                self._publish(due)
            except Exception as error:
                log.exception("a commit failed")
                with self._wake:
                    self._error = error
                return
            if self._new_vectors >= self._index.grow * self._index.min_rows:
                self.keep_index()

    def _publish(self, due: dict[tuple[str, int], _Part]) -> None:
        with self._writing:
            for stage in dict.fromkeys(stage for stage, _ in due):
                chosen = [(f, part) for (s, f), part in due.items() if s == stage and part.dirty]
                for start in range(0, len(chosen), _MAX_FRAGMENTS):
                    self._commit(stage, dict(chosen[start : start + _MAX_FRAGMENTS]))

    def _commit(self, stage: str, parts: dict[int, _Part]) -> None:
        fills: dict[int, pa.Table] = {}
        beside: dict[int, pa.Table] = {}
        space = space_of(stage)
        for fragment, part in parts.items():
            with self._wake:
                new, part.new, part.new_rows = part.new, [], 0
                waiting = np.flatnonzero(part.waiting)
            table = part.base
            if not table.num_columns:
                table = self._writer.read_group(stage, fragment)
            if new:
                offsets = np.concatenate([at for at, _ in new])
                tables = [rows.select(table.column_names).cast(table.schema) for _, rows in new]
                table = merge_group(table, offsets, pa.concat_tables(tables))
                measured = [each for each in new if "quality_state" in each[1].column_names]
                if space and measured:
                    beside[fragment] = self._measured(fragment, measured)
                part.done_rows += len(offsets)
                self._new_vectors += len(offsets) if space else 0
            if space:
                table = claim(unclaim(table, space.state), space.state, waiting)
                part.claims = bool(len(waiting))
            # The quality is written from two sides, so it is read anew each time.
            part.base = pa.table({}) if stage == QUALITY_STAGE else table
            fills[fragment] = table
        # First, so that what is done has it.
        self._writer.fill(beside)
        self._writer.fill(fills)
        with self._wake:
            for fragment, part in parts.items():
                part.published_at = time.monotonic()
                self._drop((stage, fragment), part)
        self._on_commit()
