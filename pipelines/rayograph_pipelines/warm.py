"""The warm path: work done at once, without starting a pipeline, and first of all what is seen."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

import pyarrow as pa

from rayograph.errors import ImageFault, SourceError
from rayograph.guard import Guard
from rayograph.listing import Chunk
from rayograph.settings import Settings
from rayograph.sources import display
from rayograph_pipelines import chains
from rayograph_pipelines.facts import ModelFacts
from rayograph_pipelines.stages.decode import Decode, DecodeConfig
from rayograph_pipelines.stages.list_files import ListFilesConfig
from rayograph_pipelines.stages.measure import Measure
from rayograph_pipelines.stages.read_metadata import ReadMetadata

# A batch takes about this long whatever the disk: results come steadily, and a stop is soon.
_BATCH_S = 0.1
_FIRST_BATCH = 256
_SMALLEST_BATCH = 16
_FEW_ROWS, _FEW_BATCH = 64, 16
_LISTED = "rayograph_pipelines.stages.list_files:listed"
# A chunk of a few thousand names on a slow network disk is no hang yet.
_LISTING_S = 600.0
# Behind the page and its thumbnails, before the headers of what is not on screen.
_LISTING_NICE = 5
Worker = TypeVar("Worker")
Item = TypeVar("Item")


class Embedder(Protocol):
    """A loaded model somewhere else; ``embed`` takes and gives what the Embed stage does."""

    def load(self, model: str) -> ModelFacts: ...
    def embed(self, batch: pa.Table, model: str) -> pa.Table: ...


class Opener(Protocol):
    """Opens pictures for the stages: what ``WarmPath`` does."""

    def metadata(self, rows: pa.Table) -> pa.Table: ...
    def headers(self, rows: pa.Table) -> Iterator[pa.Table]: ...
    def load(self, model: str) -> ModelFacts: ...
    def embedding(self, rows: pa.Table, model: str) -> pa.Table: ...
    def vectors(self, rows: pa.Table, model: str) -> Iterator[pa.Table]: ...
    def measures(self, rows: pa.Table) -> Iterator[pa.Table]: ...


class _Crew(Generic[Worker]):
    """Workers that are lent to one caller at a time."""

    def __init__(self, workers: Iterable[Worker]) -> None:
        self.all = tuple(workers)
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self.all:
            self._idle.put(worker)

    @contextmanager
    def one(self) -> Iterator[Worker]:
        worker = self._idle.get()
        try:
            yield worker
        finally:
            self._idle.put(worker)


def _in_order(
    work: Callable[[Item], pa.Table], items: Iterable[Item], *, workers: int
) -> Iterator[pa.Table]:
    """The results of ``work`` in the items' order; items are taken as workers come free."""
    ahead: deque[Future[pa.Table]] = deque()
    with ThreadPoolExecutor(workers, "warm") as pool:
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) > workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


class WarmPath:
    """Listing, header reads and decodes in children of this process; vectors by ``embedder``.

    What is on screen has a child of its own, so that it never waits for a batch of the rest.
    """

    def __init__(self, settings: Settings, embedder: Embedder) -> None:
        self._settings = settings
        self._embedder = embedder
        self._reader = ReadMetadata(chains.metadata_config(settings))
        self._readers = _Crew(
            ReadMetadata(chains.metadata_config(settings, nice=chains.NICE))
            for _ in range(settings.metadata.actors)
        )
        self._listers: _Crew[Guard[bytes]] | None = None
        self._decoders: dict[DecodeConfig, Decode] = {}
        self._facts: dict[str, ModelFacts] = {}
        self._lock = threading.Lock()

    def listing(self, chunks: Iterable[Chunk], config: ListFilesConfig) -> Iterator[pa.Table]:
        """The listing stage's rows of these chunks, in their order.

        Raises:
            SourceError: a chunk's files cannot even be looked at.
        """
        crew = self._listing_crew()

        def rows(chunk: Chunk) -> pa.Table:
            with crew.one() as lister:
                found = lister.map([(chunk, config)])[0]
            if isinstance(found, ImageFault):
                raise SourceError(f"{display(chunk.folder)} cannot be listed: {found.message}")
            return pa.ipc.open_stream(found).read_all()

        yield from _in_order(rows, chunks, workers=len(crew.all))

    def can_list(self) -> bool:
        """Whether a child is up to list; the first to ask has them started."""
        return any(lister.ready for lister in self._listing_crew().all)

    def _listing_crew(self) -> _Crew[Guard[bytes]]:
        with self._lock:
            if self._listers is None:
                self._listers = _Crew(
                    Guard[bytes](_LISTED, None, timeout_s=_LISTING_S, nice=_LISTING_NICE)
                    for _ in range(self._settings.listing.workers)
                )
            return self._listers

    def metadata(self, rows: pa.Table) -> pa.Table:
        """The metadata stage's answer for rows on somebody's screen."""
        return self._reader(rows)

    def headers(self, rows: pa.Table) -> Iterator[pa.Table]:
        """The metadata stage's answers for many rows, as they come."""
        at, size, todo = 0, _FIRST_BATCH, set[Future[tuple[pa.Table, float]]]()
        workers = len(self._readers.all)
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
        with self._readers.one() as reader:
            began = time.monotonic()
            return reader(rows), max(time.monotonic() - began, 1e-6)

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
        """The embedding stage's answer for rows on somebody's screen."""
        return self._embedder.embed(self._decoder(model, 0)(rows), model)

    def vectors(self, rows: pa.Table, model: str) -> Iterator[pa.Table]:
        """The embedding stage's answers for many rows, in their order."""
        decode = self._decoder(model, chains.NICE)
        # Of few, the first vectors are worth more than the last per cent of speed.
        few = rows.num_rows <= _FEW_ROWS
        size = _FEW_BATCH if few else chains.batch_rows(self._settings)
        batches = (rows.slice(start, size) for start in range(0, rows.num_rows, size))

        def embedded(batch: pa.Table) -> pa.Table:
            return self._embedder.embed(decode(batch), model)

        # The child decodes and the model works at one batch each; the third is on its way.
        yield from _in_order(embedded, batches, workers=3)

    def measures(self, rows: pa.Table) -> Iterator[pa.Table]:
        """The quality of many pictures, by a child that ends with it."""
        measure = Measure(chains.measure_config(self._settings))
        try:
            for start in range(0, rows.num_rows, _FIRST_BATCH):
                yield measure(rows.slice(start, _FIRST_BATCH))
        finally:
            measure.close()

    def _decoder(self, model: str, nice: int) -> Decode:
        facts = self.load(model)
        config = chains.decode_config(facts, self._settings, nice=nice)
        with self._lock:
            decode = self._decoders.get(config)
            if decode is None:
                decode = self._decoders[config] = Decode(config)
        return decode

    def close(self) -> None:
        """End the children."""
        for reader in (self._reader, *self._readers.all):
            reader.close()
        for lister in self._listers.all if self._listers else ():
            lister.close()
        for decode in self._decoders.values():
            decode.close()
