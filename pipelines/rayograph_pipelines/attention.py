"""What is on somebody's screen goes first: done at once by the warm path, newest wish only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from rayograph.catalog import DatasetReader
from rayograph.schema import StageState
from rayograph_pipelines.target import Target
from rayograph_pipelines.warm import Opener

_WORK = ("id", "uri", "size", "mtime")
_EMBED_ROWS = 64
_EMBED_BATCH = 16
_UNDONE = pa.array([int(StageState.PENDING), int(StageState.CLAIMED)], pa.uint8())


class Attention:
    """Does wishes one at a time; who scrolls on leaves no queue of pictures long gone by.

    Args:
        put: takes a stage's name and its results.
        works: whether the run takes results now.
        target: the vectors that are wanted, None for none (yet).
        paused: the stages that are to do nothing now.
    """

    def __init__(
        self,
        reader: DatasetReader,
        warm: Opener,
        *,
        put: Callable[[str, pa.Table], None],
        works: Callable[[], bool],
        target: Callable[[], Target | None],
        paused: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._reader = reader
        self._warm = warm
        self._put = put
        self._works = works
        self._target = target
        self._paused = paused
        self._busy = threading.Lock()
        self._wanted: list[str] | None = None

    def attend(self, image_ids: list[str]) -> None:
        """Do these images, or leave them to the thread that is at it now."""
        self._wanted = image_ids
        while self._wanted is not None and self._busy.acquire(blocking=False):
            try:
                wanted, self._wanted = self._wanted, None
                if wanted and self._works():
                    if "metadata" not in self._paused():
                        self._headers(wanted)
                    if "embedding" not in self._paused():
                        self._vectors(wanted[:_EMBED_ROWS])
            finally:
                self._busy.release()

    def _headers(self, image_ids: list[str]) -> None:
        rows = self._reader.rows(image_ids, [*_WORK, "meta_state"])
        state = pc.fill_null(rows["meta_state"], int(StageState.PENDING))
        todo = rows.filter(pc.is_in(state, value_set=_UNDONE)).drop_columns(["meta_state"])
        if todo.num_rows:
            self._put("metadata", self._warm.metadata(todo))

    def _vectors(self, image_ids: list[str]) -> None:
        target = self._target()
        if target is None:
            return
        space, names = target.space, [*_WORK, "meta_state"]
        has_vectors = space.vector in self._reader.snapshot().schema.names
        rows = self._reader.rows(image_ids, [*names, space.state] if has_vectors else names)
        wanted = pc.not_equal(pc.fill_null(rows["meta_state"], 0), int(StageState.FAILED))
        if has_vectors:
            state = pc.fill_null(rows[space.state], int(StageState.PENDING))
            wanted = pc.and_(wanted, pc.is_in(state, value_set=_UNDONE))
        todo = rows.filter(wanted).select([*_WORK, "_rowaddr"])
        for start in range(0, todo.num_rows, _EMBED_BATCH):
            if self._wanted is not None or not self._works():
                return
            batch = todo.slice(start, _EMBED_BATCH)
            self._put(space.stage, self._warm.embedding(batch, target.model))
