"""The warm path: what is on screen is read and embedded at once, without starting a pipeline."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from rayograph.settings import Settings
from rayograph_pipelines import chains
from rayograph_pipelines.stages.decode import Decode
from rayograph_pipelines.stages.read_metadata import ReadMetadata

# A batch takes about this long whatever the disk: results come steadily, and a stop is soon.
_BATCH_S = 0.1
_FIRST_BATCH = 256
_SMALLEST_BATCH = 16


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a loaded model is: ``key`` names its weights, sizes in pixels and dimensions."""

    key: str
    dim: int
    image_size: int


class Embedder(Protocol):
    """A loaded model somewhere else; ``embed`` takes and gives what the Embed stage does."""

    def load(self, model: str) -> ModelFacts: ...
    def embed(self, batch: pa.Table, model: str) -> pa.Table: ...


class WarmPath:
    """Header reads and decodes in children of this process; vectors by ``embedder``.

    What is on screen has children of its own, so that it never waits for a batch of the rest.
    """

    def __init__(self, settings: Settings, embedder: Embedder) -> None:
        self._settings = settings
        self._embedder = embedder
        self._reader = ReadMetadata(chains.metadata_config(settings))
        self._bulk = [
            ReadMetadata(chains.metadata_config(settings, nice=chains.NICE))
            for _ in range(settings.metadata.actors)
        ]
        self._idle: queue.SimpleQueue[ReadMetadata] = queue.SimpleQueue()
        for reader in self._bulk:
            self._idle.put(reader)
        self._decoders: dict[int, Decode] = {}
        self._facts: dict[str, ModelFacts] = {}
        self._lock = threading.Lock()

    def metadata(self, rows: pa.Table) -> pa.Table:
        """The metadata stage's answer for these rows."""
        return self._reader(rows)

    def headers(self, rows: pa.Table) -> Iterator[pa.Table]:
        """The metadata stage's answers for many rows, as they come."""
        at, size, todo = 0, _FIRST_BATCH, set[Future[tuple[pa.Table, float]]]()
        workers = self._settings.metadata.actors
        with ThreadPoolExecutor(workers, "headers") as pool:
            while at < rows.num_rows or todo:
                while at < rows.num_rows and len(todo) < workers:
                    todo.add(pool.submit(self._read, rows.slice(at, size)))
                    at += size
                done, todo = wait(todo, return_when=FIRST_COMPLETED)
                for table, took_s in (future.result() for future in done):
                    size = int(table.num_rows / took_s * _BATCH_S)
                    size = min(max(size, _SMALLEST_BATCH), self._settings.metadata.batch_size)
                    yield table

    def _read(self, rows: pa.Table) -> tuple[pa.Table, float]:
        reader, began = self._idle.get(), time.monotonic()
        try:
            return reader(rows), max(time.monotonic() - began, 1e-6)
        finally:
            self._idle.put(reader)

    def load(self, model: str) -> ModelFacts:
        """Have the model loaded and say what it is.

        Raises:
            ModelUnavailable: it cannot be had.
        """
        with self._lock:
            known = self._facts.get(model)
        if known is None:
            known = self._embedder.load(model)
            with self._lock:
                self._facts[model] = known
        return known

    def embedding(self, rows: pa.Table, model: str) -> pa.Table:
        """The embedding stage's answer for these rows."""
        size = self.load(model).image_size
        with self._lock:
            decode = self._decoders.get(size)
            if decode is None:
                decode = Decode(chains.decode_config(size, self._settings))
                self._decoders[size] = decode
        return self._embedder.embed(decode(rows), model)

    def close(self) -> None:
        """End the children."""
        for reader in (self._reader, *self._bulk):
            reader.close()
        for decode in self._decoders.values():
            decode.close()
