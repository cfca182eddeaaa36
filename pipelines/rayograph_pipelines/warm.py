"""The warm path: what is on screen is read and embedded at once, without starting a pipeline."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from rayograph.settings import Settings
from rayograph_pipelines import chains
from rayograph_pipelines.stages.decode import Decode
from rayograph_pipelines.stages.read_metadata import ReadMetadata


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
    """Header reads and decodes in children of this process; vectors by ``embedder``."""

    def __init__(self, settings: Settings, embedder: Embedder) -> None:
        self._settings = settings
        self._embedder = embedder
        self._reader = ReadMetadata(chains.metadata_config(settings))
        self._decoders: dict[int, Decode] = {}
        self._facts: dict[str, ModelFacts] = {}
        self._lock = threading.Lock()

    def metadata(self, rows: pa.Table) -> pa.Table:
        """The metadata stage's answer for these rows."""
        return self._reader(rows)

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
