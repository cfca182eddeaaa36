"""The actor that works out analyses, in a process that can be ended at any moment."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import ray

from rayograph.catalog import Catalog
from rayograph.catalog.analyses import Wanted
from rayograph.settings import Settings
from rayograph_pipelines import chains
from rayograph_pipelines.analysis_bench import Bench
from rayograph_pipelines.analysis_work import work
from rayograph_pipelines.stages.fingerprint import Fingerprint

log = logging.getLogger(__name__)
_TELL_S = 0.3
# Fewer files are read here sooner than a pipeline's workers are up (docs/decisions/0010).
_ALONE_ROWS = 4_096
_BATCH = 128
_TEXTS_AT_ONCE = 64


class AnalysisActor:
    """Works out one analysis at a time."""

    def __init__(self, settings: Settings, board: Any, model: Any) -> None:
        logging.basicConfig(level=settings.log_level.upper())
        # The page, the stages and the queries come before it.
        os.nice(chains.NICE)
        self._settings = settings
        self._board = board
        self._model = model
        self._told = ("", 0.0)

    def work(self, wanted: Wanted) -> None:
        """Work it out and store it.

        Raises:
            RayographError: it cannot be done.
        """

        def tell(stage: str, done: int | None, total: int | None) -> None:
            now = time.monotonic()
            if stage != self._told[0] or now - self._told[1] >= _TELL_S:
                self._told = (stage, now)
                said = {"stage": stage, "done": done, "total": total}
                self._board.update.remote(wanted.key, said)

        bench = Bench(Catalog(self._settings.catalog.uri), tell, self._texts, self._fingerprints)
        work(bench, wanted)

    def _texts(self, model: str, key: str | None, texts: list[str]) -> npt.NDArray[np.float16]:
        lots = range(0, len(texts), _TEXTS_AT_ONCE)
        return np.concatenate(
            [
                ray.get(self._model.texts.remote(model, key, texts[at : at + _TEXTS_AT_ONCE]))
                for at in lots
            ]
        )

    def _fingerprints(self, rows: pa.Table, decode: bool) -> Iterator[pa.Table]:
        if rows.num_rows > _ALONE_ROWS:
            yield from chains.fingerprints(rows, self._settings, decode=decode)
            return
        stage = Fingerprint(chains.fingerprint_config(self._settings, decode=decode))
        try:
            for start in range(0, rows.num_rows, _BATCH):
                yield stage(rows.slice(start, _BATCH))
        finally:
            stage.close()
