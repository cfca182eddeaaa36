"""A stage's rounds: what the table says is pending, done, and asked for again until nothing is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rayograph.catalog import DatasetReader
from rayograph_pipelines.committer import Committer
from rayograph_pipelines.failures import given_up
from rayograph_pipelines.news import News

_WORK = ("id", "uri", "size", "mtime")
_MAX_FRUITLESS = 3
Work = Callable[[pa.Table], Iterator[pa.Table]]


@dataclass(frozen=True, slots=True)
class StageWork:
    """How one stage is done.

    Args:
        name: the stage's, in the table.
        thread: the one of the run's that does it.
        warm: does rows at once, ``bulk`` by a pipeline that takes ``start_s`` to start.
        sample_rows: done first, to know how fast the warm path is.
        dim: of the vectors it makes.
    """

    name: str
    thread: str
    warm: Work
    bulk: Work
    sample_rows: int
    start_s: float
    dim: int = 0


class Rounds:
    """The rounds of all stages of one run.

    Args:
        put: takes what a stage has done.
        guarded: does a piece of work whose failure ends the run.
    """

    def __init__(
        self,
        reader: DatasetReader,
        committer: Committer,
        news: News,
        stopping: threading.Event,
        *,
        put: Callable[[str, pa.Table], None],
        guarded: Callable[[Callable[[], None]], None],
    ) -> None:
        self._reader = reader
        self._committer = committer
        self._news = news
        self._stopping = stopping
        self._put = put
        self._guarded = guarded
        # Fragments each stage has nothing left to do in, unless a scan finds changed files there.
        self._over: dict[str, set[int]] = {}

    def work(self, stage: StageWork) -> None:
        """Rounds over what is pending, until listing is over and nothing is."""
        fruitless, before = 0, pa.chunked_array([], pa.uint64())
        while not self._stopping.is_set():
            seen = self._news.seen()
            work = self._pending(stage.name)
            if work.num_rows == 0:
                if not self._news.more(stage.thread, seen):
                    return
                continue
            # The very same rows, not as many: listing often adds equal lots.
            fruitless = fruitless + 1 if work["_rowaddr"].equals(before) else 0
            before = work["_rowaddr"]
            if fruitless >= _MAX_FRUITLESS:
                self._put(stage.name, given_up(stage.name, work, stage.dim, _MAX_FRUITLESS))
            else:
                self._round(stage, work)
            self._committer.flush(stage.name)

    def reopen(self) -> None:
        """Rows of any fragment may be to be done again."""
        self._over = {}
        self._news.found()

    def _round(self, stage: StageWork, work: pa.Table) -> None:
        """All of ``work``: what takes no longer than a pipeline's start without one."""
        first, rest = work.slice(0, stage.sample_rows), work.slice(stage.sample_rows)
        began = time.monotonic()
        self._put_all(stage, stage.warm(first))
        rate = first.num_rows / max(time.monotonic() - began, 1e-6)
        alone = int(rate * stage.start_s)
        head, tail = rest.slice(0, alone), rest.slice(alone)
        beside = threading.Thread(
            target=self._guarded, args=(lambda: self._put_all(stage, stage.warm(head)),)
        )
        beside.start()
        try:
            if tail.num_rows:
                self._put_all(stage, stage.bulk(tail))
        finally:
            beside.join()

    def _pending(self, stage: str) -> pa.Table:
        tables = []
        # Forgotten meanwhile, what is found out now is of no worth.
        over = self._over.setdefault(stage, set())
        for fragment, _ in self._reader.fragments():
            if fragment in over:
                continue
            rows = self._reader.pending(stage, fragment, _WORK)
            if not rows.num_rows:
                over.add(fragment)
            else:
                tables.append(rows)
                offsets = (rows["_rowaddr"].to_numpy() & np.uint64(0xFFFFFFFF)).astype(np.int64)
                self._committer.expect(stage, {fragment: offsets})
        return pa.concat_tables(tables).combine_chunks() if tables else pa.table({"id": []})

    def _put_all(self, stage: StageWork, results: Iterable[pa.Table]) -> None:
        # Told to stop, nothing that has not begun is begun: a pipeline takes seconds to.
        if self._stopping.is_set():
            return
        for done in results:
            self._put(stage.name, done)
            if self._stopping.is_set():
                return
