"""Listing's parts: names are gathered while folders are walked, new rows leave as fragments."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator

import pyarrow as pa

from rayograph.listing import Chunk, Walk
from rayograph.settings import Settings
from rayograph_pipelines import chains
from rayograph_pipelines.committer import Committer
from rayograph_pipelines.stages.list_files import ListFiles, ListFilesConfig, pack
from rayograph_pipelines.warm import WarmPath

_ROUND = 256
# So few are listed sooner than they are sent anywhere.
_FEW_CHUNKS = 2


class Appender:
    """Appends listed rows as fragments, with their captions.

    Args:
        captions: uri -> caption.
    """

    def __init__(self, committer: Committer, fragment_rows: int, captions: dict[str, str]) -> None:
        self._committer = committer
        self._limit = fragment_rows
        self._captions = captions

    def append(self, rows: pa.Table) -> None:
        """Commit rows that are in no table yet."""
        rows = rows.append_column("caption", self._texts(rows["uri"]))
        self._committer.append(rows, fragment_rows=self._limit)

    def _texts(self, uris: pa.ChunkedArray) -> pa.Array:
        if not self._captions:
            return pa.nulls(len(uris), pa.string())
        return pa.array([self._captions.get(uri) for uri in uris.to_pylist()], pa.string())


def listed(
    chunks: list[Chunk],
    config: ListFilesConfig,
    settings: Settings,
    warm: WarmPath,
    alone_until: float,
) -> Iterator[pa.Table]:
    """Rows of these chunks: here until the warm path is up, then by it, and by a pipeline last."""
    here, waiting = ListFiles(config), deque(chunks)
    while waiting and (not warm.can_list() or len(chunks) <= _FEW_CHUNKS):
        yield here.rows(waiting.popleft())

    def until_then() -> Iterator[Chunk]:
        while waiting and time.monotonic() < alone_until:
            yield waiting.popleft()

    yield from warm.listing(until_then(), config)
    if waiting:
        yield from chains.listing([pack(chunk) for chunk in waiting], config, settings)


def rounds(walk: Walk) -> Iterator[list[Chunk]]:
    """Chunks, as many at a time as have been named; walking goes on meanwhile."""
    named: queue.Queue[Chunk | BaseException | None] = queue.Queue()
    left = threading.Event()

    def name() -> None:
        try:
            for chunk in walk:
                if left.is_set():
                    return
                named.put(chunk)
            named.put(None)
        except Exception as error:  # noqa: BLE001 (raised again by whoever reads the queue)
            named.put(error)

    threading.Thread(target=name, name="walk", daemon=True).start()
    try:
        yield from _gathered(named)
    finally:
        left.set()


def _gathered(named: queue.Queue[Chunk | BaseException | None]) -> Iterator[list[Chunk]]:
    over = False
    while not over:
        ready: list[Chunk] = []
        while len(ready) < _ROUND and not over:
            try:
                item = named.get(block=not ready)
            except queue.Empty:
                break
            if isinstance(item, BaseException):
                raise item
            over = item is None
            if item is not None:
                ready.append(item)
        if ready:
            yield ready
